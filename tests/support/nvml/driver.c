/* A stand-in for NVIDIA's management library, at its C interface.
 *
 * It answers as nvml.h documents, for boards that are described in the file `driver.txt`
 * beside the library itself, and keeps what changes there, so that every process that
 * loads this copy sees the same machine. It drives nothing. Only what labwerk_hub's
 * adapter calls is here; an entry point that is missing is reported by the loader as on
 * an older driver.
 *
 * The file has one fact a line (see __init__.py, which writes it too):
 *   driver VERSION LOADED GENERATION SLOW_MS      a reboot raises the generation
 *   fail CODE CALL                                the next such call fails; CALL may be "-"
 *   board UUID BUS PCI_DEVICE MIG LOST UNITS MEMORY_MIB BUSY_PERCENT TOTALS NAME
 *   profile BOARD ENUM ID SLICES SIZE MAX MIB SM DEC ENC JPEG OFA EXCLUSIVE STARTS NAME
 *   instance BOARD ID PROFILE START SIZE
 *   compute BOARD INSTANCE ID SLICES UUID USED_MIB PIDS
 *   whole BOARD USED_MIB PIDS                     processes on a GPU that is not cut
 *   event NUMBER BOARD TYPE DATA INSTANCE
 * TOTALS are dec,enc,jpeg,ofa of the whole GPU, or "-" where they do not limit; STARTS and
 * PIDS are separated by commas, "-" if there are none.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
  SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4,
  NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, DRIVER_NOT_LOADED = 9, TIMEOUT = 10, GPU_IS_LOST = 15,
  IN_USE = 19, INSUFFICIENT_RESOURCES = 23, ARGUMENT_VERSION_MISMATCH = 25, UNKNOWN = 999
};

#define BOARDS 16
#define PROFILES 20
#define INSTANCES 16
#define COMPUTES 16
#define EVENTS 64
#define PIDS 16
#define STARTS 16

typedef unsigned int u32;
typedef unsigned long long u64;
typedef struct { int count; u32 at[STARTS]; } Numbers;
typedef struct {
  u32 code, id, slices, size, max, mib, sm, dec, enc, jpeg, ofa;
  char exclusive[16], name[96]; Numbers starts;
} ProfileRow;
typedef struct { u32 id, slices, used; char uuid[80]; Numbers pids; } Compute;
typedef struct { u32 id, profile, start, size; int computes; Compute compute[COMPUTES]; } Instance;
typedef struct {
  char uuid[80], bus[32], name[96], totals[32];
  u32 pci, mig, lost, units, mib, busy, used; Numbers pids;
  int profiles, instances; ProfileRow profile[PROFILES]; Instance instance[INSTANCES];
} Board;
typedef struct { u64 number; u32 board, instance; u64 type, data; } Event;
typedef struct {
  char version[32], fail_call[64];
  u32 loaded, generation, slow, fail;
  int boards, events; Board board[BOARDS]; Event event[EVENTS];
} Machine;

static u32 opened;      /* generation + 1 in which this process initialised; 0: it has not */
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static Machine machine; /* what the file said, under the mutex and the file's lock */

/* ------------------------------------------------------------------ the file */

static void place(char *out, size_t room, const char *name) {
  Dl_info where;
  dladdr((void *)&place, &where);
  snprintf(out, room, "%s", where.dli_fname);
  char *slash = strrchr(out, '/');
  snprintf(slash ? slash + 1 : out, room - (slash ? slash + 1 - out : 0), "%s", name);
}

static Numbers numbers(const char *text) {
  Numbers found = {0};
  for (const char *at = text; *at && *at != '-' && found.count < STARTS; ) {
    char *end;
    found.at[found.count++] = strtoul(at, &end, 10);
    at = *end == ',' ? end + 1 : end;
    if (end == at && *end) break;
  }
  return found;
}

static const char *written(const Numbers *list, char *out) {
  char *at = out;
  if (!list->count) return "-";
  for (int i = 0; i < list->count; i++) at += sprintf(at, i ? ",%u" : "%u", list->at[i]);
  return out;
}

static Instance *instance_of(Board *board, u32 id) {
  for (int i = 0; i < board->instances; i++)
    if (board->instance[i].id == id) return &board->instance[i];
  return NULL;
}

static void parse(char *line) {
  char kind[16], list[256];
  int used = 0;
  u32 on;
  if (sscanf(line, "%15s %n", kind, &used) != 1) return;
  line += used;
  if (!strcmp(kind, "driver")) {
    sscanf(line, "%31s %u %u %u", machine.version, &machine.loaded, &machine.generation, &machine.slow);
  } else if (!strcmp(kind, "fail")) {
    sscanf(line, "%u %63s", &machine.fail, machine.fail_call);
  } else if (!strcmp(kind, "board") && machine.boards < BOARDS) {
    Board *b = &machine.board[machine.boards++];
    sscanf(line, "%79s %31s %x %u %u %u %u %u %31s %95[^\n]", b->uuid, b->bus, &b->pci, &b->mig,
           &b->lost, &b->units, &b->mib, &b->busy, b->totals, b->name);
  } else if (sscanf(line, "%u %n", &on, &used) == 1 && strcmp(kind, "event")) {
    Board *b = &machine.board[on];
    if ((int)on >= machine.boards) return;
    line += used;
    if (!strcmp(kind, "profile") && b->profiles < PROFILES) {
      ProfileRow *p = &b->profile[b->profiles++];
      sscanf(line, "%u %u %u %u %u %u %u %u %u %u %u %15s %255s %95[^\n]", &p->code, &p->id, &p->slices,
             &p->size, &p->max, &p->mib, &p->sm, &p->dec, &p->enc, &p->jpeg, &p->ofa, p->exclusive,
             list, p->name);
      p->starts = numbers(list);
    } else if (!strcmp(kind, "instance") && b->instances < INSTANCES) {
      Instance *i = &b->instance[b->instances++];
      sscanf(line, "%u %u %u %u", &i->id, &i->profile, &i->start, &i->size);
    } else if (!strcmp(kind, "compute")) {
      Compute c = {0};
      u32 parent;
      sscanf(line, "%u %u %u %79s %u %255s", &parent, &c.id, &c.slices, c.uuid, &c.used, list);
      c.pids = numbers(list);
      Instance *i = instance_of(b, parent);
      if (i && i->computes < COMPUTES) i->compute[i->computes++] = c;
    } else if (!strcmp(kind, "whole")) {
      sscanf(line, "%u %255s", &b->used, list);
      b->pids = numbers(list);
    }
  } else if (!strcmp(kind, "event") && machine.events < EVENTS) {
    Event *e = &machine.event[machine.events++];
    sscanf(line, "%llu %u %llu %llu %u", &e->number, &e->board, &e->type, &e->data, &e->instance);
  }
}

static int read_machine(void) {
  char path[4096], line[512];
  memset(&machine, 0, sizeof machine);
  place(path, sizeof path, "driver.txt");
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) parse(line);
  fclose(file);
  return 1;
}

static void write_machine(void) {
  char path[4096], fresh[4096], list[256];
  place(path, sizeof path, "driver.txt");
  place(fresh, sizeof fresh, "driver.txt.new");
  FILE *file = fopen(fresh, "we");
  if (!file) return;
  fprintf(file, "driver %s %u %u %u\n", machine.version, machine.loaded, machine.generation, machine.slow);
  if (machine.fail) fprintf(file, "fail %u %s\n", machine.fail, machine.fail_call);
  for (int n = 0; n < machine.boards; n++) {
    Board *b = &machine.board[n];
    fprintf(file, "board %s %s %x %u %u %u %u %u %s %s\n", b->uuid, b->bus, b->pci, b->mig, b->lost,
            b->units, b->mib, b->busy, b->totals, b->name);
    for (int i = 0; i < b->profiles; i++) {
      ProfileRow *p = &b->profile[i];
      fprintf(file, "profile %d %u %u %u %u %u %u %u %u %u %u %u %s %s %s\n", n, p->code, p->id, p->slices,
              p->size, p->max, p->mib, p->sm, p->dec, p->enc, p->jpeg, p->ofa, p->exclusive,
              written(&p->starts, list), p->name);
    }
    for (int i = 0; i < b->instances; i++) {
      Instance *g = &b->instance[i];
      fprintf(file, "instance %d %u %u %u %u\n", n, g->id, g->profile, g->start, g->size);
      for (int j = 0; j < g->computes; j++) {
        Compute *c = &g->compute[j];
        fprintf(file, "compute %d %u %u %u %s %u %s\n", n, g->id, c->id, c->slices, c->uuid, c->used,
                written(&c->pids, list));
      }
    }
    if (b->used || b->pids.count) fprintf(file, "whole %d %u %s\n", n, b->used, written(&b->pids, list));
  }
  for (int i = 0; i < machine.events; i++) {
    Event *e = &machine.event[i];
    fprintf(file, "event %llu %u %llu %llu %u\n", e->number, e->board, e->type, e->data, e->instance);
  }
  fclose(file);
  rename(fresh, path);
}

static int lock_file = -1;

/* Every entry point begins here: the machine as the file says, and its own error, if any. */
static int enter(const char *call) {
  char path[4096];
  place(path, sizeof path, "lock");
  pthread_mutex_lock(&one);
  lock_file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  flock(lock_file, LOCK_EX);
  if (!read_machine() || !machine.loaded) return opened ? UNINITIALIZED : DRIVER_NOT_LOADED;
  if (machine.slow) { /* as a driver that hangs: nobody else's lock is kept meanwhile */
    struct timespec pause = {machine.slow / 1000, machine.slow % 1000 * 1000000L};
    flock(lock_file, LOCK_UN);
    nanosleep(&pause, NULL);
    flock(lock_file, LOCK_EX);
    read_machine();
  }
  if (machine.fail && (!strcmp(machine.fail_call, "-") || !strcmp(machine.fail_call, call))) {
    int code = machine.fail;
    machine.fail = 0;
    write_machine();
    return code;
  }
  return SUCCESS;
}

static int leave(int code) {
  close(lock_file);
  pthread_mutex_unlock(&one);
  return code;
}

#define BEGIN_UNOPENED(call) \
  int code_ = enter(call); \
  if (code_) return leave(code_)
#define BEGIN(call) \
  BEGIN_UNOPENED(call); \
  if (opened != machine.generation + 1) return leave(UNINITIALIZED)
#define NEED(condition, code) \
  if (!(condition)) return leave(code)
#define NEED_ROOT NEED(geteuid() == 0, NO_PERMISSION)
#define NEED_BOARD(handle) \
  Board *board = board_of(handle); \
  NEED(board, INVALID_ARGUMENT); \
  NEED(!board->lost, GPU_IS_LOST)

/* ------------------------------------------------------------------- handles
 * A number and no address: kind (1 board, 2 MIG device, 3 instance, 4 compute instance),
 * board, instance, compute instance. */

static void *handle(u32 kind, u32 board, u32 instance, u32 compute) {
  return (void *)(((u64)kind << 48) | ((u64)board << 40) | ((u64)instance << 16) | compute);
}
static u32 kind_of(void *h) { return (u64)h >> 48; }
static u32 number_of(void *h) { return (u64)h >> 40 & 0xff; }
static Board *board_of(void *h) {
  return kind_of(h) && (int)number_of(h) < machine.boards ? &machine.board[number_of(h)] : NULL;
}
static Instance *instance_at(void *h) { return instance_of(board_of(h), (u64)h >> 16 & 0xffffff); }
static Compute *compute_at(void *h) {
  Instance *i = instance_at(h);
  for (int n = 0; i && n < i->computes; n++)
    if (i->compute[n].id == ((u64)h & 0xffff)) return &i->compute[n];
  return NULL;
}
static ProfileRow *profile_by_id(Board *b, u32 id) {
  for (int i = 0; i < b->profiles; i++)
    if (b->profile[i].id == id) return &b->profile[i];
  return NULL;
}

/* ------------------------------------------------------- the library and boards */

int nvmlInitWithFlags(u32 flags) {
  (void)flags;
  BEGIN_UNOPENED("nvmlInitWithFlags");
  opened = machine.generation + 1;
  return leave(SUCCESS);
}

int nvmlShutdown(void) {
  pthread_mutex_lock(&one);
  int was = opened;
  opened = 0;
  pthread_mutex_unlock(&one);
  return was ? SUCCESS : UNINITIALIZED;
}

const char *nvmlErrorString(int code) {
  switch (code) {
    case SUCCESS: return "Success";
    case IN_USE: return "In use by another client";
    case INSUFFICIENT_RESOURCES: return "Insufficient Resources";
    case GPU_IS_LOST: return "GPU is lost";
    case NO_PERMISSION: return "Insufficient Permissions";
    case ARGUMENT_VERSION_MISMATCH: return "Argument version mismatch";
    default: return "Unknown Error";
  }
}

int nvmlSystemGetDriverVersion(char *version, u32 length) {
  BEGIN("nvmlSystemGetDriverVersion");
  snprintf(version, length, "%s", machine.version);
  return leave(SUCCESS);
}

int nvmlDeviceGetCount_v2(u32 *count) {
  BEGIN("nvmlDeviceGetCount_v2");
  *count = machine.boards;
  return leave(SUCCESS);
}

int nvmlDeviceGetHandleByIndex_v2(u32 index, void **device) {
  BEGIN("nvmlDeviceGetHandleByIndex_v2");
  NEED((int)index < machine.boards, INVALID_ARGUMENT);
  NEED(!machine.board[index].lost, GPU_IS_LOST);
  *device = handle(1, index, 0, 0);
  return leave(SUCCESS);
}

int nvmlDeviceGetUUID(void *device, char *uuid, u32 length) {
  BEGIN("nvmlDeviceGetUUID");
  NEED_BOARD(device);
  if (kind_of(device) == 2) NEED(compute_at(device), NOT_FOUND);
  snprintf(uuid, length, "%s", kind_of(device) == 2 ? compute_at(device)->uuid : board->uuid);
  return leave(SUCCESS);
}

int nvmlDeviceGetName(void *device, char *name, u32 length) {
  BEGIN("nvmlDeviceGetName");
  NEED_BOARD(device);
  snprintf(name, length, "%s", board->name);
  return leave(SUCCESS);
}

typedef struct { char legacy[16]; u32 domain, bus, device, pci_device, subsystem; char id[32]; } Pci;

int nvmlDeviceGetPciInfo_v3(void *device, Pci *pci) {
  BEGIN("nvmlDeviceGetPciInfo_v3");
  NEED_BOARD(device);
  memset(pci, 0, sizeof *pci);
  sscanf(board->bus, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
  pci->pci_device = board->pci;
  snprintf(pci->id, sizeof pci->id, "%s", board->bus);
  return leave(SUCCESS);
}

int nvmlDeviceGetMemoryInfo(void *device, u64 *total_free_used) {
  BEGIN("nvmlDeviceGetMemoryInfo");
  NEED_BOARD(device);
  u64 total = board->mib, used = board->used;
  if (kind_of(device) == 2) {
    NEED(compute_at(device), NOT_FOUND);
    ProfileRow *p = profile_by_id(board, instance_at(device)->profile);
    total = p ? p->mib : 0, used = compute_at(device)->used;
  }
  total_free_used[0] = total << 20;
  total_free_used[1] = (total - used) << 20;
  total_free_used[2] = used << 20;
  return leave(SUCCESS);
}

typedef struct { u32 gpu, memory; } Utilisation;

int nvmlDeviceGetUtilizationRates(void *device, Utilisation *rates) {
  BEGIN("nvmlDeviceGetUtilizationRates");
  NEED_BOARD(device);
  NEED(!board->mig, NOT_SUPPORTED);
  rates->gpu = board->busy, rates->memory = 0;
  return leave(SUCCESS);
}

typedef struct { u32 pid; u64 memory; u32 instance, compute; } Process;

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, u32 *count, Process *list) {
  BEGIN("nvmlDeviceGetComputeRunningProcesses_v3");
  NEED_BOARD(device);
  Numbers *pids = &board->pids;
  u64 used = board->used;
  if (kind_of(device) == 2) {
    NEED(compute_at(device), NOT_FOUND);
    pids = &compute_at(device)->pids, used = compute_at(device)->used;
  }
  u32 room = *count;
  *count = pids->count;
  if (!pids->count) return leave(SUCCESS);
  NEED(room >= (u32)pids->count && list, INSUFFICIENT_SIZE);
  for (int i = 0; i < pids->count; i++) {
    Process one_process = {pids->at[i], used << 20, 0xffffffff, 0xffffffff};
    list[i] = one_process;
  }
  return leave(SUCCESS);
}

/* ------------------------------------------------------------------------ MIG */

int nvmlDeviceGetMigMode(void *device, u32 *current, u32 *pending) {
  BEGIN("nvmlDeviceGetMigMode");
  NEED_BOARD(device);
  NEED(board->profiles, NOT_SUPPORTED);
  *current = *pending = board->mig;
  return leave(SUCCESS);
}

typedef struct {
  u32 version, id, p2p, slices, count, sm, copy, dec, enc, jpeg, ofa; u64 mib; char name[96];
} ProfileInfo;

int nvmlDeviceGetGpuInstanceProfileInfoV(void *device, u32 code, ProfileInfo *info) {
  BEGIN("nvmlDeviceGetGpuInstanceProfileInfoV");
  NEED_BOARD(device);
  NEED_ROOT;
  NEED(info->version == 0x02000098, ARGUMENT_VERSION_MISMATCH);
  for (int i = 0; i < board->profiles; i++) {
    ProfileRow *p = &board->profile[i];
    if (p->code != code) continue;
    ProfileInfo found = {info->version, p->id, 0, p->slices, p->max, p->sm, p->slices, p->dec, p->enc,
                         p->jpeg, p->ofa, p->mib, ""};
    *info = found;
    snprintf(info->name, sizeof info->name, "MIG %s", p->name);
    return leave(SUCCESS);
  }
  return leave(NOT_SUPPORTED);
}

typedef struct { u32 start, size; } Placement;

int nvmlDeviceGetGpuInstancePossiblePlacements_v2(void *device, u32 id, Placement *list, u32 *count) {
  BEGIN("nvmlDeviceGetGpuInstancePossiblePlacements_v2");
  NEED_BOARD(device);
  NEED_ROOT;
  ProfileRow *p = profile_by_id(board, id);
  NEED(p, INVALID_ARGUMENT);
  for (int i = 0; list && i < p->starts.count; i++) {
    list[i].start = p->starts.at[i];
    list[i].size = p->size;
  }
  *count = p->starts.count;
  return leave(SUCCESS);
}

int nvmlDeviceGetGpuInstances(void *device, u32 id, void **list, u32 *count) {
  BEGIN("nvmlDeviceGetGpuInstances");
  NEED_BOARD(device);
  NEED_ROOT;
  NEED(board->mig, NOT_SUPPORTED);
  NEED(profile_by_id(board, id), INVALID_ARGUMENT);
  *count = 0;
  for (int i = 0; i < board->instances; i++)
    if (board->instance[i].profile == id) list[(*count)++] = handle(3, number_of(device), board->instance[i].id, 0);
  return leave(SUCCESS);
}

typedef struct { void *device; u32 id, profile; Placement placement; } InstanceInfo;

int nvmlGpuInstanceGetInfo(void *which, InstanceInfo *info) {
  BEGIN("nvmlGpuInstanceGetInfo");
  NEED_BOARD(which);
  Instance *i = instance_at(which);
  NEED(i, INVALID_ARGUMENT);
  info->device = handle(1, number_of(which), 0, 0);
  info->id = i->id, info->profile = i->profile;
  info->placement.start = i->start, info->placement.size = i->size;
  return leave(SUCCESS);
}

static int engines_left(Board *board, ProfileRow *wanted) {
  u32 total[4], sum[4] = {wanted->dec, wanted->enc, wanted->jpeg, wanted->ofa};
  if (sscanf(board->totals, "%u,%u,%u,%u", &total[0], &total[1], &total[2], &total[3]) != 4) return 1;
  for (int i = 0; i < board->instances; i++) {
    ProfileRow *p = profile_by_id(board, board->instance[i].profile);
    sum[0] += p->dec, sum[1] += p->enc, sum[2] += p->jpeg, sum[3] += p->ofa;
  }
  return sum[0] <= total[0] && sum[1] <= total[1] && sum[2] <= total[2] && sum[3] <= total[3];
}

int nvmlDeviceCreateGpuInstanceWithPlacement(void *device, u32 id, const Placement *at, void **made) {
  BEGIN("nvmlDeviceCreateGpuInstanceWithPlacement");
  NEED_BOARD(device);
  NEED_ROOT;
  NEED(board->mig, NOT_SUPPORTED);
  ProfileRow *p = profile_by_id(board, id);
  NEED(p && at->size == p->size, INVALID_ARGUMENT);
  int possible = 0;
  for (int i = 0; i < p->starts.count; i++) possible |= p->starts.at[i] == at->start;
  NEED(possible, INVALID_ARGUMENT);
  u32 alike = 0;
  for (int i = 0; i < board->instances; i++) {
    Instance *other = &board->instance[i];
    NEED(other->start + other->size <= at->start || at->start + at->size <= other->start,
         INSUFFICIENT_RESOURCES);
    alike += other->profile == id;
    NEED(!strcmp(p->exclusive, "-") ||
         strcmp(p->exclusive, profile_by_id(board, other->profile)->exclusive), INSUFFICIENT_RESOURCES);
  }
  NEED(alike < p->max && engines_left(board, p) && board->instances < INSTANCES, INSUFFICIENT_RESOURCES);
  u32 number = 1; /* the lowest free: ids are given out again */
  while (instance_of(board, number)) number++;
  Instance fresh = {number, id, at->start, at->size, 0, {{0}}};
  board->instance[board->instances++] = fresh;
  *made = handle(3, number_of(device), number, 0);
  write_machine();
  return leave(SUCCESS);
}

int nvmlGpuInstanceDestroy(void *which) {
  BEGIN("nvmlGpuInstanceDestroy");
  NEED_BOARD(which);
  NEED_ROOT;
  Instance *i = instance_at(which);
  NEED(i, INVALID_ARGUMENT);
  NEED(!i->computes, IN_USE);
  *i = board->instance[--board->instances];
  write_machine();
  return leave(SUCCESS);
}

typedef struct {
  u32 version, id, slices, count, sm, copy, dec, enc, jpeg, ofa; char name[96];
} ComputeProfileInfo;

static const u32 COMPUTE_SLICES[] = {1, 2, 3, 4, 7, 8, 6}; /* by NVML_COMPUTE_INSTANCE_PROFILE_… */

int nvmlGpuInstanceGetComputeInstanceProfileInfoV(void *which, u32 code, u32 engines, ComputeProfileInfo *info) {
  BEGIN("nvmlGpuInstanceGetComputeInstanceProfileInfoV");
  NEED_BOARD(which);
  NEED_ROOT;
  Instance *i = instance_at(which);
  NEED(i && !engines, INVALID_ARGUMENT);
  NEED(info->version == 0x02000088, ARGUMENT_VERSION_MISMATCH);
  u32 whole = profile_by_id(board, i->profile)->slices;
  NEED(code < sizeof COMPUTE_SLICES / sizeof *COMPUTE_SLICES && COMPUTE_SLICES[code] <= whole, NOT_SUPPORTED);
  ComputeProfileInfo found = {info->version, code, COMPUTE_SLICES[code], whole / COMPUTE_SLICES[code],
                              0, 0, 0, 0, 0, 0, ""};
  *info = found;
  return leave(SUCCESS);
}

static void new_uuid(char *out) {
  unsigned char raw[16];
  int source = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (read(source, raw, sizeof raw) != sizeof raw) abort();
  close(source);
  out += sprintf(out, "MIG-");
  for (int i = 0; i < 16; i++) out += sprintf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", raw[i]);
}

int nvmlGpuInstanceCreateComputeInstance(void *which, u32 id, void **made) {
  BEGIN("nvmlGpuInstanceCreateComputeInstance");
  NEED_BOARD(which);
  NEED_ROOT;
  Instance *i = instance_at(which);
  NEED(i && id < sizeof COMPUTE_SLICES / sizeof *COMPUTE_SLICES, INVALID_ARGUMENT);
  u32 taken = COMPUTE_SLICES[id], whole = profile_by_id(board, i->profile)->slices;
  u32 number = 0;
  for (int n = 0; n < i->computes; n++) {
    taken += i->compute[n].slices;
    if (i->compute[n].id >= number) number = i->compute[n].id + 1;
  }
  NEED(taken <= whole && i->computes < COMPUTES, INSUFFICIENT_RESOURCES);
  Compute fresh = {number, COMPUTE_SLICES[id], 0, "", {0}};
  new_uuid(fresh.uuid);
  i->compute[i->computes++] = fresh;
  *made = handle(4, number_of(which), i->id, number);
  write_machine();
  return leave(SUCCESS);
}

int nvmlGpuInstanceGetComputeInstances(void *which, u32 id, void **list, u32 *count) {
  BEGIN("nvmlGpuInstanceGetComputeInstances");
  NEED_BOARD(which);
  NEED_ROOT;
  Instance *i = instance_at(which);
  NEED(i && id < sizeof COMPUTE_SLICES / sizeof *COMPUTE_SLICES, INVALID_ARGUMENT);
  *count = 0;
  for (int n = 0; n < i->computes; n++)
    if (i->compute[n].slices == COMPUTE_SLICES[id])
      list[(*count)++] = handle(4, number_of(which), i->id, i->compute[n].id);
  return leave(SUCCESS);
}

int nvmlComputeInstanceDestroy(void *which) {
  BEGIN("nvmlComputeInstanceDestroy");
  NEED_BOARD(which);
  NEED_ROOT;
  Compute *c = compute_at(which);
  NEED(c, INVALID_ARGUMENT);
  NEED(!c->pids.count, IN_USE);
  Instance *i = instance_at(which);
  *c = i->compute[--i->computes];
  write_machine();
  return leave(SUCCESS);
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, u32 *count) {
  BEGIN("nvmlDeviceGetMaxMigDeviceCount");
  NEED_BOARD(device);
  *count = 0;
  for (int i = 0; i < board->profiles; i++)
    if (board->profile[i].max > *count) *count = board->profile[i].max;
  return leave(SUCCESS);
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, u32 index, void **mig) {
  BEGIN("nvmlDeviceGetMigDeviceHandleByIndex");
  NEED_BOARD(device);
  NEED(board->mig, NOT_FOUND);
  for (int i = 0; i < board->instances; i++)
    for (int n = 0; n < board->instance[i].computes; n++)
      if (!index--) {
        *mig = handle(2, number_of(device), board->instance[i].id, board->instance[i].compute[n].id);
        return leave(SUCCESS);
      }
  return leave(NOT_FOUND);
}

int nvmlDeviceGetGpuInstanceId(void *device, u32 *id) {
  BEGIN("nvmlDeviceGetGpuInstanceId");
  NEED_BOARD(device);
  NEED(kind_of(device) == 2, INVALID_ARGUMENT);
  NEED(compute_at(device), NOT_FOUND);
  *id = (u64)device >> 16 & 0xffffff;
  return leave(SUCCESS);
}

typedef struct { u32 sm, copy, dec, enc, jpeg, ofa, instance_slices, compute_slices; u64 mib; } Attributes;

int nvmlDeviceGetAttributes_v2(void *device, Attributes *attributes) {
  BEGIN("nvmlDeviceGetAttributes_v2");
  NEED_BOARD(device);
  NEED(kind_of(device) == 2, NOT_SUPPORTED);
  NEED(compute_at(device), NOT_FOUND);
  ProfileRow *p = profile_by_id(board, instance_at(device)->profile);
  Attributes found = {p->sm, p->slices, p->dec, p->enc, p->jpeg, p->ofa, p->slices,
                      compute_at(device)->slices, p->mib};
  *attributes = found;
  return leave(SUCCESS);
}

/* --------------------------------------------------------------------- events */

typedef struct { u64 seen, types[BOARDS]; } EventSet;
typedef struct { void *device; u64 type, data; u32 instance, compute; } EventData;

int nvmlEventSetCreate(void **set) {
  BEGIN("nvmlEventSetCreate");
  *set = calloc(1, sizeof(EventSet));
  return leave(SUCCESS);
}

int nvmlEventSetFree(void *set) {
  free(set);
  return SUCCESS;
}

int nvmlDeviceGetSupportedEventTypes(void *device, u64 *types) {
  BEGIN("nvmlDeviceGetSupportedEventTypes");
  NEED_BOARD(device);
  *types = 0x2 | 0x8 | 0x10;
  return leave(SUCCESS);
}

int nvmlDeviceRegisterEvents(void *device, u64 types, EventSet *set) {
  BEGIN("nvmlDeviceRegisterEvents");
  NEED_BOARD(device);
  NEED(set && kind_of(device) == 1, INVALID_ARGUMENT);
  for (int i = 0; i < machine.events; i++) /* nothing is told of what was before */
    if (machine.event[i].number > set->seen) set->seen = machine.event[i].number;
  set->types[number_of(device)] |= types;
  return leave(SUCCESS);
}

int nvmlEventSetWait_v2(EventSet *set, EventData *data, u32 timeout_ms) {
  for (u32 waited = 0;; waited += 10) {
    BEGIN("nvmlEventSetWait_v2");
    int lost = 0;
    for (int i = 0; i < machine.events; i++) {
      Event *e = &machine.event[i];
      if (e->number <= set->seen) continue;
      set->seen = e->number;
      if (!(set->types[e->board] & e->type)) continue;
      EventData found = {handle(1, e->board, 0, 0), e->type, e->data, e->instance, e->instance};
      *data = found;
      return leave(SUCCESS);
    }
    for (int n = 0; n < machine.boards; n++) lost |= set->types[n] && machine.board[n].lost;
    NEED(!lost, GPU_IS_LOST);
    leave(SUCCESS);
    if (waited >= timeout_ms) return TIMEOUT;
    usleep(10000);
  }
}
