/** The running platform as the folders of prebuilds/ are named: `linux-x64`, `linux-x64-musl`. */
export function platformName(): string;

/** The add-on that comes with the package for a platform, by default the running one. */
export function prebuiltAddon(packageRoot: string, platform?: string): string;

/** The add-on that a build from source makes. */
export function builtAddon(packageRoot: string, configuration?: 'Release' | 'Debug'): string;
