/** How a child process is started. */
export interface ChildCommand {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * node-gyp's script: the one that is installed beside this package or in the project, else the one
 * of the package manager that runs this, else npm's. Undefined where there is none.
 */
export function findNodeGyp(): string | undefined;

/**
 * What a build of the add-on from source lacks of compiler, make, Python and node-gyp, each as the
 * middle of a sentence; empty where it can start.
 */
export function missingForBuild(): string[];

/**
 * The environment for an install script that starts node-gyp: Node's headers are taken from beside
 * the executable where they lie there (npm_config_nodedir wins), so that nothing is downloaded; CXX
 * names the compiler that was found, npm_config_node_gyp node-gyp.
 */
export function buildEnvironment(): NodeJS.ProcessEnv;

/** Where the headers of Node-API come from, in words. */
export function headerSource(): string;

/**
 * The command that runs node-gyp on this package's binding.gyp, with headers that need no download
 * where that can be. Throws where there is no node-gyp.
 */
export function nodeGypCommand(nodeGypArguments: readonly string[]): ChildCommand;
