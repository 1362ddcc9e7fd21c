// Headless Chromium, with every policy violation and page error kept for the test to look at.

import { chromium } from "playwright-core";

export async function openBrowser() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
  });
  return browser;
}

/** A page in a context of its own; `complaints` collects errors of scripts and of the policy. */
export async function openPage(browser, { width = 1280, height = 800, colorScheme = "light", ...rest } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce", ...rest });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.E2E_TIMEOUT ?? 15_000));
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`page error: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    // A refused request is the API's answer, which the screens show; the browser logs it too.
    if (message.type() === "error" && !/Failed to load resource: the server responded with a status of 4/.test(text)) complaints.push(`console: ${text}`);
  });
  return { context, page, complaints };
}
