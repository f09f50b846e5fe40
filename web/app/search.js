// A search through a day of the journal. The server looks at a bounded piece of the day at a time and says how much is left, so
// that a search through millions of lines shows how far it is, and ends when somebody looks elsewhere.

import { useEffect, useState } from "./lib.js";
import { at, get } from "./api.js";

// Goes on by itself until `step` lines are found, and by `more` for as many again. Nothing is asked while `search` is empty.
export function useSearch(day, search, step) {
  const key = at([day], { search });
  const [state, setState] = useState({});
  const now = state.key === key ? state : { key, wanted: step };
  const { data, wanted, error } = now;
  const lines = data?.lines ?? [];
  const loading = search !== "" && data?.left !== 0 && lines.length < wanted && !error;
  useEffect(() => {
    if (!loading) return undefined;
    const stop = new AbortController();
    const below = data ? data.left + 1 : 0;
    get(at(["journal"], { day, search, per_page: wanted - lines.length, below }), stop.signal).then(
      (piece) => stop.signal.aborted || setState({ ...now, data: { ...piece, lines: [...lines, ...piece.lines] } }),
      (failed) => stop.signal.aborted || setState({ ...now, error: failed }),
    );
    return () => stop.abort();
  }, [key, state]);
  return {
    data,
    error,
    loading,
    more: () => setState({ ...now, wanted: lines.length + step }),
    reload: () => setState({ ...now, error: undefined }),
  };
}
