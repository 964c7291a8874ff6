import type { TranslationBundle } from '@jupyterlab/translation';
import type { IBudget, IDataset, IDatasetFile, Nature } from './wire';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Numbers, times and amounts as the page's language writes them.
 *
 * @param locale - a BCP 47 tag; Lab keeps one in `document.documentElement.lang`.
 */
export class Formatter {
  constructor(readonly locale: string) {}

  /** The formatter of the page as it is now. */
  static ofPage(): Formatter {
    const tag = document.documentElement.lang.replace('_', '-');
    return new Formatter(Intl.getCanonicalLocales(tag || 'en')[0]);
  }

  /** A number with at most the given decimal places. */
  number(value: number, decimals = 1): string {
    return new Intl.NumberFormat(this.locale, {
      maximumFractionDigits: decimals
    }).format(value);
  }

  /** A share of one as a percentage. */
  percent(share: number): string {
    return new Intl.NumberFormat(this.locale, {
      style: 'percent',
      maximumFractionDigits: 0
    }).format(share);
  }

  /** An amount of memory in GiB, without the unit's name. */
  gib(mib: number): string {
    return this.number(mib / 1024, 2);
  }

  /** Ticks as GPU-hours, without the unit's name. */
  gpuHours(ticks: number, budget: Pick<IBudget, 'ticks_per_gpu_hour'>): string {
    const hours = ticks / budget.ticks_per_gpu_hour;
    if (hours > 0 && hours < 0.005) {
      return `< ${this.number(0.01, 2)}`; // something is not nothing
    }
    return this.number(hours, Math.abs(hours) < 10 ? 2 : 1);
  }

  /** The number that {@link gpuHours} shows, which a noun beside it goes by. */
  shownGpuHours(
    ticks: number,
    budget: Pick<IBudget, 'ticks_per_gpu_hour'>
  ): number {
    const hours = ticks / budget.ticks_per_gpu_hour;
    return hours > 0 && hours < 0.005
      ? 0.01
      : Number(hours.toFixed(Math.abs(hours) < 10 ? 2 : 1));
  }

  /** How full a folder is, with binary units as its limit has them. */
  folderSize(bytes: number, trans: TranslationBundle): string {
    const units = [
      (amount: string) => trans.__('%1 KiB', amount),
      (amount: string) => trans.__('%1 MiB', amount),
      (amount: string) => trans.__('%1 GiB', amount),
      (amount: string) => trans.__('%1 TiB', amount)
    ];
    let amount = bytes / 1024;
    let index = 0;
    while (amount >= 1024 && index < units.length - 1) {
      amount /= 1024;
      index += 1;
    }
    return units[index](this.number(amount, amount < 10 ? 1 : 0));
  }

  /** A file's size with decimal units, as file managers show it. */
  bytes(value: number): string {
    const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
    let amount = value;
    let index = 0;
    while (amount >= 1000 && index < units.length - 1) {
      amount /= 1000;
      index += 1;
    }
    return this._unit(amount, units[index], amount < 10 && index > 0 ? 1 : 0);
  }

  /** The two largest units of a duration: "2 days, 3 hours", "14 minutes". */
  duration(seconds: number): string {
    const rest = Math.max(0, seconds);
    const days = Math.floor(rest / DAY);
    const hours = Math.floor((rest % DAY) / HOUR);
    const minutes = Math.floor((rest % HOUR) / MINUTE);
    const parts: [number, string][] =
      days > 0
        ? [
            [days, 'day'],
            [hours, 'hour']
          ]
        : [
            [hours, 'hour'],
            [minutes, 'minute']
          ];
    const shown = parts.filter(([count]) => count > 0);
    if (shown.length === 0) {
      shown.push([0, 'minute']);
    }
    return new Intl.ListFormat(this.locale, {
      type: 'unit',
      style: 'long'
    }).format(shown.map(([count, unit]) => this._unit(count, unit, 0, 'long')));
  }

  /** An instant: the day is left out when it is today, the year when it is this. */
  instant(iso: string, now: number): string {
    const date = new Date(iso);
    const today = new Date(now);
    const time: Intl.DateTimeFormatOptions = {
      hour: 'numeric',
      minute: '2-digit'
    };
    const day: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short' };
    const year: Intl.DateTimeFormatOptions = { year: 'numeric' };
    return new Intl.DateTimeFormat(this.locale, {
      ...time,
      ...(today.toDateString() === date.toDateString() ? {} : day),
      ...(today.getFullYear() === date.getFullYear() ? {} : year)
    }).format(date);
  }

  /**
   * A budget period such as "2026-11" as its month's name and year, one between fixed dates
   * such as "2026-10-12..2027-02-05" by them; a term by its name.
   */
  period(period: string): string {
    const dates = /^(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})$/.exec(period);
    if (dates) {
      const range = new Intl.DateTimeFormat(this.locale, {
        dateStyle: 'medium',
        timeZone: 'UTC'
      }).formatRange(new Date(dates[1]), new Date(dates[2]));
      // Italian writes "5 feb", and only in ranges "05 feb" if Intl is asked.
      return this.locale.startsWith('it')
        ? range.replace(/\b0(?=\d\b)/g, '')
        : range;
    }
    return /^\d{4}-\d{2}$/.test(period)
      ? new Intl.DateTimeFormat(this.locale, {
          month: 'long',
          year: 'numeric',
          timeZone: 'UTC'
        }).format(new Date(`${period}-01T00:00:00Z`))
      : period;
  }

  /** The last day of a period that ends at the site's midnight. */
  lastDay(iso: string): string {
    // Noon of that day is the same day in other time zones, too.
    return new Intl.DateTimeFormat(this.locale, {
      dateStyle: 'medium'
    }).format(new Date(Date.parse(iso) - 12 * HOUR * 1000));
  }

  private _unit(
    value: number,
    unit: string,
    decimals: number,
    unitDisplay: 'short' | 'long' = 'short'
  ): string {
    return new Intl.NumberFormat(this.locale, {
      style: 'unit',
      unit,
      unitDisplay,
      maximumFractionDigits: decimals
    }).format(value);
  }
}

/** Where a dataset's values come from, in words. */
export function natureText(nature: Nature, trans: TranslationBundle): string {
  switch (nature) {
    case 'measured':
      return trans.__('measured data');
    case 'simulated':
      return trans.__('simulated data');
    case 'synthetic':
      return trans.__('synthetic data');
    case 'profiles':
      return trans.__('load profiles');
  }
}

/** The bytes of all files. */
export function totalBytes(files: readonly IDatasetFile[]): number {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}

/** The datasets in which every word of the query occurs somewhere. */
export function matching(
  datasets: readonly IDataset[],
  query: string
): IDataset[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return datasets.filter(dataset => {
    const text = [
      dataset.id,
      dataset.title,
      dataset.description,
      dataset.institution.title,
      dataset.publisher,
      dataset.licence.title,
      dataset.nature
    ]
      .join(' ')
      .toLowerCase();
    return words.every(word => text.includes(word));
  });
}
