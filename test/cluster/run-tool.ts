import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const toolMaxMs = 60_000;
const outputMaxBytes = 16 * 1024 * 1024;

/**
 * Runs a short-lived tool to its end and returns its standard output.
 *
 * @throws Error that names the command and quotes what the tool said on standard error.
 */
export async function runTool(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  try {
    const options = { timeout: toolMaxMs, maxBuffer: outputMaxBytes, env: { ...process.env, ...env } };
    return (await run(command, [...args], options)).stdout;
  } catch (error) {
    const said = (error as { readonly stderr?: string }).stderr?.trim() ?? '';
    throw new Error(`${[command, ...args].join(' ')}: ${said === '' ? String(error) : said}`, { cause: error });
  }
}
