// A message's own HTML, in a frame that can run nothing and load nothing by itself.
//
// The frame's page is a file of ours with a policy of its own (see lib.rs): a `srcdoc` would inherit
// the console's policy, which refuses the style attributes that mail is made of. The sandbox allows
// no scripts; "same origin" lets this side write the HTML in and measure it.

import { useEffect, useRef, useState } from "react";

const MIN_HEIGHT = 60;
/** A message cannot make the page endless. */
const MAX_HEIGHT = 30_000;

export function MessageFrame({ html, images, title }: { html: string; images: boolean; title: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(MIN_HEIGHT);
  const [loaded, setLoaded] = useState(0);

  useEffect(() => {
    const doc = frame.current?.contentDocument;
    if (!loaded || !doc?.body) return;
    doc.body.innerHTML = html;
    for (const link of doc.querySelectorAll("a[href]")) {
      link.setAttribute("target", "_blank");
      link.setAttribute("rel", "noopener noreferrer");
    }
    // Keys pressed inside the frame are the inbox's keys too.
    const forward = (event: KeyboardEvent) => {
      const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
      if (!document.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey, metaKey, altKey, shiftKey, cancelable: true }))) event.preventDefault();
    };
    doc.addEventListener("keydown", forward);
    const measure = () => {
      const wanted = Math.ceil(Math.max(doc.body.getBoundingClientRect().height, doc.body.scrollHeight));
      setHeight(Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, wanted)));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(doc.body);
    return () => {
      observer.disconnect();
      doc.removeEventListener("keydown", forward);
    };
  }, [html, loaded]);

  return (
    <iframe
      ref={frame} className="paper" title={title} sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
      src={images ? "/message-frame-images.html" : "/message-frame.html"} style={{ height }} onLoad={() => setLoaded((n) => n + 1)}
    />
  );
}
