// What the server makes of a text with variables, while it is being written.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api } from "../../api/client";

/** How long the writer has to rest before the server is asked. */
const REST = 400;

/** Asks again whenever what is asked has rested; the last good answer stays meanwhile. */
export function usePreview<T>(address: string, body: object | null) {
  const asked = JSON.stringify(body);
  const [rested, setRested] = useState(asked);
  useEffect(() => {
    const timer = setTimeout(() => setRested(asked), REST);
    return () => clearTimeout(timer);
  }, [asked]);
  return useQuery({
    queryKey: ["preview", address, rested],
    queryFn: () => api.post<T>(address, JSON.parse(rested) as object),
    enabled: rested !== "null",
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
  });
}
