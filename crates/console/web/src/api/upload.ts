// Files go up before their message, one by one, and tell how far they are: `fetch` cannot.

import { Problem, problemOf } from "./client";
import type { Upload } from "./types";

/** Uploads a file. `progress` hears of the part that is there, 0 to 1. */
export function upload(file: File, progress: (part: number) => void, signal: AbortSignal): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/uploads?filename=${encodeURIComponent(file.name.slice(0, 255) || "file")}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("X-Postroom-CSRF", "1");
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201) {
        resolve(JSON.parse(request.responseText) as Upload);
        return;
      }
      const answer = new Response(request.responseText || null, { status: Math.max(request.status, 200), statusText: request.statusText });
      void problemOf(answer).then(reject);
    };
    request.onerror = () =>
      reject(new Problem({ title: "The file did not go up", status: 0, detail: "The line to the server broke off. Try it once more." }));
    request.onabort = () => reject(new DOMException("taken back", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
