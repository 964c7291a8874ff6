/** The gettext domain: the Python package's name, as Lab looks catalogues up. */
export const DOMAIN = 'labwerk_lab';

/** The product's name, the same in every language. */
export const BRAND = 'Labwerk';

export namespace CommandIDs {
  /** Bring the panel to the front. */
  export const show = 'labwerk-lab:show';
  /** Ask for the overview now. */
  export const refresh = 'labwerk-lab:refresh';
  /** Move the end of the session. */
  export const extend = 'labwerk-lab:extend';
  /** Let another budget pay: the one named by `budget`, or one that the person chooses. */
  export const payWith = 'labwerk-lab:pay-with';
  /** Ask for more of the budget that pays. */
  export const askForMore = 'labwerk-lab:ask-for-more';
  /** The hub's own page to stop the server; there only behind a hub. */
  export const controlPanel = 'hub:control-panel';
}
