import { Problem } from "../api/client";

/** A file's bytes in base64, as the API takes them. */
export function base64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onerror = () => reject(new Problem({ title: `${file.name} could not be read`, status: 0 }));
    reader.onload = () => {
      const url = String(reader.result);
      // An empty file is "data:" and nothing else.
      resolve(url.includes(",") ? url.slice(url.indexOf(",") + 1) : "");
    };
    reader.readAsDataURL(file);
  });
}
