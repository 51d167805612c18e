import { strings } from "./strings.ts";
import type { UploadOptions } from "./types.ts";

/** RollcallError is a refusal: a stable code, a sentence for the user, the HTTP status, 0 where there was none. */
export class RollcallError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

interface Answer<T> {
  success: boolean;
  message: string;
  data: T;
  error?: { code: string };
}

async function fetched(token: string, method: string, path: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { method, headers: { Authorization: "Bearer " + token }, cache: "no-store", credentials: "omit" });
  } catch {
    throw new RollcallError("network", strings.errors.network, 0);
  }
  if (!response.ok) throw refusal(response.status, await response.text());
  return response;
}

function refusal(status: number, body: string): RollcallError {
  try {
    const answer = JSON.parse(body) as Answer<unknown>;
    if (answer.error) return new RollcallError(answer.error.code, answer.message, status);
  } catch {
    // not ours: a proxy's page, say
  }
  return new RollcallError("unexpected", strings.errors.unexpected(status), status);
}

export async function request<T>(token: string, method: string, path: string): Promise<Answer<T>> {
  return (await (await fetched(token, method, path)).json()) as Answer<T>;
}

request.file = async (token: string, path: string): Promise<{ blob: Blob; fileName: string }> => {
  const response = await fetched(token, "GET", path);
  return { blob: await response.blob(), fileName: nameIn(response.headers.get("Content-Disposition") ?? "") };
};

/** nameIn is the file name of a Content-Disposition, in any script. */
function nameIn(disposition: string): string {
  const extended = /filename\*=utf-8''([^;]+)/i.exec(disposition);
  if (extended) return decodeURIComponent(extended[1]!);
  const plain = /filename="((?:[^"\\]|\\.)*)"|filename=([^;]+)/i.exec(disposition);
  return (plain?.[1]?.replace(/\\(.)/g, "$1") ?? plain?.[2] ?? "rollcall.xlsx").trim();
}

/** send uploads a file; fetch cannot tell how far it is. */
export function send(token: string, path: string, file: File, options: UploadOptions): Promise<{ job_id: string }> {
  const form = new FormData();
  // Options stand before the file, so that the server knows them when it reads it.
  form.append("dry_run", String(options.dryRun));
  form.append("iec_verification", String(!options.skipIEC));
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", path);
    xhr.setRequestHeader("Authorization", "Bearer " + token);
    xhr.upload.onprogress = (e) => e.lengthComputable && options.onProgress(e.loaded / e.total);
    xhr.onerror = () => reject(new RollcallError("network", strings.errors.network, 0));
    xhr.onload = () => {
      if (xhr.status !== 202) reject(refusal(xhr.status, xhr.responseText));
      else resolve((JSON.parse(xhr.responseText) as Answer<{ job_id: string }>).data);
    };
    xhr.send(form);
  });
}
