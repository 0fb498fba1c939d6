import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";

/** The built command line, as it is installed. */
export const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
if (!existsSync(main)) throw new Error(`${main} is missing: the command line is tested as built (npm run build)`);

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line and waits for its end; one that hangs is killed, which shows in `signal`. */
export function run(words: readonly string[], cwd?: string, nodeOptions: readonly string[] = []): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeOptions, main, ...words], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 50_000,
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** The most memory that a run takes, in MB. */
export async function peakOf(words: readonly string[], cwd?: string): Promise<number> {
  const report = "process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS))";
  const { stderr } = await run([...words, "--quiet"], cwd, [
    "--import",
    `data:text/javascript,${encodeURIComponent(report)}`,
  ]);
  return Number(/peak (\d+)$/.exec(stderr)?.[1]) / 1000;
}

/** Its modules as they are before they are bundled. */
const program = new URL("../../build/modules/cli/program.js", import.meta.url).href;

/**
 * The same in this process, which takes a tenth of the time: what is not about processes is tested so. Loaded from what is built, for
 * its threads are scripts.
 */
export async function call(words: readonly string[], cwd: string): Promise<Omit<Outcome, "signal">> {
  const { runProgram } = (await import(program)) as {
    runProgram(words: readonly string[]): Promise<number>;
  };
  const written = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += text;
      return true;
    }),
  );
  const before = process.cwd();
  process.chdir(cwd);
  try {
    const code = await runProgram(words);
    return { code, ...written };
  } finally {
    process.chdir(before);
    for (const spy of spies) spy.mockRestore();
  }
}

/** Calls it with `--json` and returns what it printed; an error of its own is the test's. */
export async function runJson<T>(words: readonly string[], cwd = process.cwd()): Promise<T> {
  const { code, stdout, stderr } = await call([...words, "--json"], cwd);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout);
}
