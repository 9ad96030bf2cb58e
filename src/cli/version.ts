/** Set by the build. */
declare const AGENT_WATCH_VERSION: string | undefined;

export const version: string = typeof AGENT_WATCH_VERSION === 'string' ? AGENT_WATCH_VERSION : 'unbuilt';
