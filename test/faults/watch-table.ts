import type { WatchGroup } from './watch-row';
import { LISTS } from './watch-rows/lists';
import { REGISTRIES } from './watch-rows/registries';
import { STREAMS } from './watch-rows/streams';

/** Every fault of the watch, in groups. */
export const WATCH_FAULTS: readonly WatchGroup[] = [STREAMS, LISTS, REGISTRIES];
