/** The folder in a name's folder that holds its incidents: `<id>.json` for programs, `<id>.md` for people. */
export const INCIDENTS_FOLDER = 'incidents';

/** What is remembered of those that are kept no more. */
export const DROPPED_FILE = 'dropped.json';
