/** The colours of the pictures. They are those of GitHub's light and dark pages. */

/** The two backgrounds that a picture is made for. */
export const THEME_NAMES = ['light', 'dark'] as const;

/** One of these names. */
export type ThemeName = (typeof THEME_NAMES)[number];

/** Colours by what they are for. */
export interface Theme {
  readonly background: string;
  /** Background of a frame around several boxes, and of a terminal. */
  readonly frame: string;
  /** Background of a box. */
  readonly box: string;
  readonly border: string;
  readonly text: string;
  readonly muted: string;
  readonly blue: string;
  readonly green: string;
  readonly amber: string;
  readonly red: string;
  readonly purple: string;
  readonly cyan: string;
}

/** A colour of a theme. */
export type Colour = keyof Theme;

/** The themes by name. */
export const THEMES: Readonly<Record<ThemeName, Theme>> = {
  light: {
    background: '#ffffff',
    frame: '#f6f8fa',
    box: '#ffffff',
    border: '#d1d9e0',
    text: '#1f2328',
    muted: '#59636e',
    blue: '#0969da',
    green: '#1a7f37',
    amber: '#9a6700',
    red: '#cf222e',
    purple: '#8250df',
    cyan: '#1b7c83',
  },
  dark: {
    background: '#0d1117',
    frame: '#151b23',
    box: '#0d1117',
    border: '#3d444d',
    text: '#f0f6fc',
    muted: '#9198a1',
    blue: '#4493f8',
    green: '#3fb950',
    amber: '#d29922',
    red: '#f85149',
    purple: '#ab7df8',
    cyan: '#39c5cf',
  },
};
