import { LabIcon } from '@jupyterlab/ui-components';

/** A ring cut into slices, one of them taken: Labwerk in the sidebar. */
export const labwerkIcon = new LabIcon({
  name: 'labwerk-lab:labwerk',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <path d="M15.76 10.63 20.12 8.12a9 9 0 0 1 0 7.76l-4.36-2.51a4 4 0 0 0 0-2.74Z"/>
    <path d="M15.06 14.57 19.42 17.09a9 9 0 0 1-6.72 3.88v-5.03a4 4 0 0 0 2.36-1.37Z"/>
    <path d="M11.3 15.94v5.03a9 9 0 0 1-6.72-3.88l4.36-2.52a4 4 0 0 0 2.36 1.37Z"/>
    <path d="M8.24 13.37 3.88 15.88a9 9 0 0 1 0-7.76l4.36 2.51a4 4 0 0 0 0 2.74Z"/>
    <path d="M8.94 9.43 4.58 6.91a9 9 0 0 1 6.72-3.88v5.03a4 4 0 0 0-2.36 1.37Z"/>
  </g>
  <path class="jp-icon-brand1" fill="#1976d2" d="M13.5 6.68V1.64a9 9 0 0 1 6.72 3.88l-4.36 2.52a4 4 0 0 0-2.36-1.36Z"/>
</svg>`
});
