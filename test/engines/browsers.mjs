// Browsers, as they are installed, each page in a process of its own: what it finds out it posts to the server that it came from.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { build } from "esbuild";
import { bundleConformance } from "./bundle.mjs";

const PATIENCE = 180_000;

const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
const policy = (...more) => ({
  "Content-Security-Policy": ["default-src 'none'", "connect-src 'self'", ...more].join("; "),
});
const SCRIPTS = "script-src 'self' 'wasm-unsafe-eval'";

/** What a page runs, under which headers, and what is expected of it. `threads`: how many, where the browser can share memory. */
const SCENARIOS = [
  { where: "page, isolated", headers: ISOLATED, script: "page.js", threads: 3 },
  { where: "page, not isolated, import map", script: "page-map.js", html: "map", threads: 1, warning: /isolated/ },
  { where: "Worker, isolated", headers: ISOLATED, script: "in-worker.js", threads: 3 },
  { where: "Service Worker", headers: ISOLATED, script: "in-service-worker.js", threads: 1, warning: /no workers/ },
  {
    where: "CSP with worker-src 'self', { worker }",
    headers: { ...ISOLATED, ...policy(SCRIPTS, "worker-src 'self'") },
    script: "threads-own-worker.js",
    threads: 3,
  },
  {
    where: "the same without { worker }",
    headers: { ...ISOLATED, ...policy(SCRIPTS, "worker-src 'self'") },
    script: "threads.js",
    threads: 1,
    warning: /worker-src blob:|memory/,
  },
  {
    where: "CSP with worker-src blob:",
    headers: { ...ISOLATED, ...policy(SCRIPTS, "worker-src blob:") },
    script: "threads.js",
    threads: 3,
  },
  {
    where: "Trusted Types, { worker } of a policy",
    headers: {
      ...ISOLATED,
      ...policy(SCRIPTS, "worker-src 'self'", "require-trusted-types-for 'script'", "trusted-types app"),
    },
    script: "threads-trusted.js",
    threads: 3,
  },
  {
    where: "CSP without 'wasm-unsafe-eval'",
    headers: policy("script-src 'self'"),
    script: "threads.js",
    fails: /CompileError|WebAssembly|EvalError|blocked/,
  },
];

const BROWSERS = {
  Chromium: {
    path: "/usr/bin/chromium",
    words: (profile) => ["--headless=new", "--no-sandbox", "--no-first-run", `--user-data-dir=${profile}`],
  },
  Firefox: { path: "/usr/bin/firefox-esr", words: (profile) => ["--headless", "--no-remote", "--profile", profile] },
  WebKitGTK: { path: "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser", words: () => ["--private"] },
};

export function browsers(project) {
  return Object.entries(BROWSERS).map(([name, { path }]) => browser(project, name, path));
}

/** What a page of these files posts, opened in that browser: isolated, unless the scenario says otherwise. */
export async function openPage(name, folder, scenario) {
  const { path, words } = BROWSERS[name];
  const profile = mkdtempSync(join(tmpdir(), "valid-pixel-loss-"));
  const { url, result, close } = await serve(folder, { headers: scenario.script ? {} : ISOLATED, ...scenario });
  const child = start(path, [...words(profile), url]);
  try {
    return await result;
  } finally {
    // The browser and the processes that it has started.
    process.kill(-child.pid);
    await new Promise((resolve) => child.once("exit", resolve));
    close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function browser(project, name, path) {
  return {
    name,
    missing: () => (existsSync(path) ? undefined : path),
    async run() {
      const version = versionOf(path);
      await writeScripts(project);
      const runs = [];
      for (const scenario of SCENARIOS) {
        const { where } = scenario;
        try {
          runs.push({ version, where, ...judged(scenario, await openPage(name, project, scenario), name) });
        } catch (error) {
          runs.push({ version, where, errors: [error.message] });
        }
      }
      return runs;
    },
  };
}

/** What starts a browser: it needs a screen, if only a virtual one, where it has no headless mode. */
const command = (path) => (path.endsWith("MiniBrowser") ? ["xvfb-run", "-a", path] : [path]);

function start(path, words) {
  const [program, ...first] = command(path);
  const env = { ...process.env, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" };
  return spawn(program, [...first, ...words], { stdio: "ignore", detached: true, env });
}

function versionOf(path) {
  const [program, ...words] = [...command(path), "--version"];
  const said = execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return said.match(/\d+(\.\d+)+(esr)?/)[0];
}

/** Whether a page found what is expected; a page that may fail has nothing to report. */
function judged({ threads, warning, fails }, { report, error }, name) {
  if (fails)
    return { errors: fails.test(error ?? "") ? [] : [`expected an error, got ${error}`], notes: "no WebAssembly" };
  if (error) return { errors: [error] };
  const errors = [];
  // WebKitGTK does not hand a shared memory over to workers.
  const possible = name === "WebKitGTK" ? 1 : threads;
  if (report.threads !== possible)
    errors.push(`expected ${possible} threads, got ${report.threads}: ${report.warnings}`);
  if (report.threads < 3 && report.warnings.length !== 1) errors.push(`expected one warning, got ${report.warnings}`);
  if (warning && possible === threads && !warning.test(report.warnings[0]))
    errors.push(`unexpected: ${report.warnings}`);
  return { report, errors };
}

/** The scripts of the scenarios. Each imports the minified file, but for the one that has an import map. */
async function writeScripts(project) {
  const minified = "./node_modules/valid-pixel-loss/dist/index.min.js";
  await bundleConformance(`${project}/browser.js`, { from: minified });
  const report = (call, from = "./browser.js") => `
    import { conformance, readme } from "${from}";
    const run = async () => ({ report: await ${call} });
    const result = await run().catch((error) => ({ error: String(error?.stack ?? error) + error }));
    await fetch("result", { method: "POST", body: JSON.stringify(result) });`;
  const own = `new URL("node_modules/valid-pixel-loss/dist/worker.js", location.href)`;
  const scripts = {
    "page.js": report("conformance().then((report) => readme().then(() => report))"),
    "page-map.js": report("conformance().then((report) => readme().then(() => report))", "./conformance.js"),
    "in-worker.js": `new Worker("page.js", { type: "module" });`,
    "in-service-worker.js": `
      const { installing, active } = await navigator.serviceWorker.register("service-worker.js");
      (installing ?? active).postMessage("run");`,
    "threads.js": report("conformance(undefined, true)"),
    "threads-own-worker.js": report(`conformance(${own}, true)`),
    "threads-trusted.js": `
      const policy = globalThis.trustedTypes?.createPolicy("app", { createScriptURL: (url) => url });
      const own = ${own};
      const worker = policy ? policy.createScriptURL(own.href) : own;
      ${report("conformance(worker, true)")}`,
  };
  for (const [name, text] of Object.entries(scripts)) writeFileSync(`${project}/${name}`, text);
  // Not every browser has modules as service workers.
  await build({
    stdin: {
      contents: `
        import { conformance } from "./browser.js";
        addEventListener("message", (event) => event.waitUntil((async () => {
          const result = await conformance().then((report) => ({ report }), (error) => ({ error: error.stack }));
          await fetch("result", { method: "POST", body: JSON.stringify(result) });
        })()));`,
      resolveDir: project,
    },
    outfile: `${project}/service-worker.js`,
    bundle: true,
    format: "iife",
    target: "es2022",
    charset: "ascii",
    logLevel: "error",
  });
}

const TYPES = { ".js": "text/javascript", ".html": "text/html", ".wasm": "application/wasm" };

/** A server of the project's files with the scenario's headers, and of a page that runs its script. */
async function serve(folder, { headers = {}, script, html }) {
  let settle;
  const result = new Promise((resolve, reject) => {
    settle = resolve;
    setTimeout(() => reject(new Error(`no result within ${PATIENCE / 1000} s`)), PATIENCE).unref();
  });
  const map = `<script type="importmap">{"imports":{"valid-pixel-loss":"./node_modules/valid-pixel-loss/dist/index.min.js"}}</script>`;
  const page = `<!doctype html><meta charset="utf-8">${html === "map" ? map : ""}<script type="module" src="${script}"></script>`;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const answer = (status, type, body) => {
      response.writeHead(status, { ...headers, "Content-Type": type });
      response.end(body);
    };
    if (request.method === "POST") {
      let body = "";
      request.on("data", (data) => {
        body += data;
      });
      request.on("end", () => {
        answer(200, "text/plain", "");
        settle(JSON.parse(body));
      });
    } else if (pathname === "/" && script) answer(200, "text/html", page);
    else {
      const file = join(folder, pathname === "/" ? "index.html" : pathname);
      if (existsSync(file)) answer(200, TYPES[extname(file)] ?? "application/octet-stream", readFileSync(file));
      else answer(404, "text/plain", "");
    }
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://localhost:${server.address().port}/`, result, close };
}
