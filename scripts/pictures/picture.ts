import type { ThemeName } from './theme';

/** A picture, which is drawn once for each theme. */
export interface Picture {
  /** The file is `NAME-THEME.svg`. */
  readonly name: string;
  readonly draw: (theme: ThemeName) => string;
}
