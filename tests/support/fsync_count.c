/* Writes down every call by which a process has the disk keep something, and how long it took.
 *
 * Preloaded into a process (see fsync_count.py). The record is a file that is mapped into
 * every such process: a count, then rows of ROW bytes, which stay when a process is killed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NAME 96

struct row {
    uint64_t began_ns; /* CLOCK_MONOTONIC, which Python's time.monotonic_ns() reads, too */
    uint64_t took_ns;
    uint32_t pid;
    uint32_t thread;
    uint32_t call; /* 0 fsync, 1 fdatasync, 2 sync_file_range, 3 msync, 4 syncfs */
    uint32_t result;
    char file[NAME]; /* the end of its path */
};

struct record {
    _Atomic uint64_t count;
    uint64_t room;
    struct row rows[];
};

static struct record *record;

__attribute__((constructor)) static void open_record(void)
{
    const char *file = getenv("LABWERK_TESTS_FSYNCS");
    int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    void *mapped = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED)
        record = mapped;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void note(uint32_t call, int fd, uint64_t began_ns, uint64_t took_ns, int result)
{
    if (!record)
        return;
    uint64_t place = atomic_fetch_add(&record->count, 1);
    if (place >= record->room)
        return; /* counted all the same: the reader sees that there was no room */
    struct row *row = &record->rows[place];
    row->pid = (uint32_t)getpid();
    row->thread = (uint32_t)gettid();
    row->call = call;
    row->result = (uint32_t)result;
    row->took_ns = took_ns;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = fd < 0 ? 0 : readlink(link, path, sizeof path);
    if (length > 0) {
        size_t kept = length < NAME ? (size_t)length : NAME - 1;
        memcpy(row->file, path + (size_t)length - kept, kept);
    }
    row->began_ns = began_ns; /* the last: a row without it is not finished */
}

/* Calls the libc's function of that name, and notes how long it took. */
#define NOTED(number, name, fd, ...) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
    uint64_t began = now_ns(); \
    int result = real(__VA_ARGS__); \
    note(number, fd, began, now_ns() - began, result); \
    return result

int fsync(int fd)
{
    NOTED(0, fsync, fd, fd);
}

int fdatasync(int fd)
{
    NOTED(1, fdatasync, fd, fd);
}

int sync_file_range(int fd, off_t offset, off_t length, unsigned flags)
{
    NOTED(2, sync_file_range, fd, fd, offset, length, flags);
}

int msync(void *address, size_t length, int flags)
{
    NOTED(3, msync, -1, address, length, flags);
}

int syncfs(int fd)
{
    NOTED(4, syncfs, fd, fd);
}
