import { Formatter, matching, totalBytes } from '../format';
import { aDataset, anOverview } from './example';

const budget = anOverview().budget;

/** Text with the no-break spaces that Intl puts between numbers and units. */
function plain(text: string): string {
  return text.replace(/[\u00a0\u2009\u202f]/g, ' ');
}

describe('GPU-hours', () => {
  it('are ticks divided by what an hour of a whole GPU costs', () => {
    expect(new Formatter('en').gpuHours(86400, budget)).toBe('1');
  });

  it('show two decimals below ten and one above, in the page language', () => {
    expect(new Formatter('de-DE').gpuHours(10800, budget)).toBe('0,13');
    expect(new Formatter('it-IT').gpuHours(3665088, budget)).toBe('42,4');
  });

  it('of a small slice for a minute do not vanish', () => {
    expect(new Formatter('en').gpuHours(1728, budget)).toBe('0.02');
    expect(new Formatter('de-DE').gpuHours(3, budget)).toBe('< 0,01');
    expect(new Formatter('en').gpuHours(0, budget)).toBe('0');
  });
});

describe('a duration', () => {
  it('shows its two largest units', () => {
    const format = new Formatter('en');
    expect(format.duration(2 * 86400 + 3 * 3600 + 59)).toBe('2 days, 3 hours');
    expect(format.duration(7 * 3600 + 46 * 60)).toBe('7 hours, 46 minutes');
    expect(format.duration(14 * 60 + 20)).toBe('14 minutes');
  });

  it('is written in the page language', () => {
    expect(plain(new Formatter('de-DE').duration(3660))).toBe(
      '1 Stunde, 1 Minute'
    );
    expect(plain(new Formatter('fr-FR').duration(7200))).toBe('2 heures');
  });

  it('that is over is no minutes, not a negative number', () => {
    expect(new Formatter('en').duration(-30)).toBe('0 minutes');
  });
});

describe('an instant', () => {
  const now = new Date(2026, 10, 21, 23, 0).getTime();
  const format = new Formatter('en-GB');

  it('of today is only a time', () => {
    const iso = new Date(2026, 10, 21, 9, 5).toISOString();
    expect(format.instant(iso, now)).toBe('9:05');
  });

  it('of another day names the day, and of another year the year', () => {
    const tomorrow = new Date(2026, 10, 22, 7, 0).toISOString();
    const later = new Date(2027, 0, 2, 7, 0).toISOString();
    expect(format.instant(tomorrow, now)).toContain('22 Nov');
    expect(format.instant(tomorrow, now)).not.toContain('2026');
    expect(format.instant(later, now)).toContain('2027');
  });
});

describe('a budget period', () => {
  it('is a month of the page language', () => {
    expect(new Formatter('it-IT').period('2026-11')).toBe('novembre 2026');
  });

  it('is told by its dates where it goes from a day to another', () => {
    const format = new Formatter('de-DE');
    expect(plain(format.period('2026-10-12..2027-02-05'))).toBe(
      '12.10.2026 – 05.02.2027'
    );
    const italian = new Formatter('it-IT');
    expect(plain(italian.period('2026-11-01..2027-02-05'))).toBe(
      '1 nov 2026 – 5 feb 2027'
    );
    expect(format.period('ws2026')).toBe('ws2026');
  });
});

describe('sizes', () => {
  it('use decimal units', () => {
    expect(plain(new Formatter('en').bytes(7390399))).toBe('7.4 MB');
    expect(plain(new Formatter('fr-FR').bytes(48492))).toBe('48 ko');
    expect(plain(new Formatter('en').bytes(12))).toBe('12 byte');
  });

  it('of a dataset are those of its files together', () => {
    const file = { name: 'a.csv', format: 'csv', bytes: 20 };
    expect(totalBytes([file, { ...file, bytes: 22 }])).toBe(42);
  });
});

describe('the page', () => {
  it('may name its language with an underscore', () => {
    document.documentElement.lang = 'de_DE';
    expect(Formatter.ofPage().number(0.5)).toBe('0,5');
  });

  it('that names no language is English', () => {
    document.documentElement.lang = '';
    expect(Formatter.ofPage().number(0.5)).toBe('0.5');
  });
});

describe('filtering datasets', () => {
  const wind = aDataset();
  const concrete = aDataset({
    id: 'thr/beton',
    title: 'Concrete strength',
    description: 'Laboratory tests.',
    institution: { name: 'thr', title: 'Rhine Technical University' }
  });

  it('finds those in which every word occurs somewhere', () => {
    expect(matching([wind, concrete], 'wind energy')).toEqual([wind]);
    expect(matching([wind, concrete], 'RHINE  strength')).toEqual([concrete]);
  });

  it('finds all without a word, and none with an unknown one', () => {
    expect(matching([wind, concrete], ' ')).toHaveLength(2);
    expect(matching([wind, concrete], 'wind concrete')).toEqual([]);
  });
});
