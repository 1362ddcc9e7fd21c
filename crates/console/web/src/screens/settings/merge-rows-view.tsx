// The first recipients in columns, as they were understood, before anything goes out.

import { plural } from "../../ui/format";
import { cellOf, columnsOf, type Row } from "./merge-rows";

/** So many are shown. */
const SHOWN = 5;

export function MergeRows({ rows }: { rows: Row[] }) {
  const shown = rows.slice(0, SHOWN);
  const columns = columnsOf(shown);
  return (
    <section className="stack s" aria-label="Recipients, as understood">
      <h3>{rows.length > SHOWN ? `The first ${SHOWN} of ${plural(rows.length, "recipient")}` : plural(rows.length, "recipient")}</h3>
      <div className="card table-wrap" tabIndex={0} role="group" aria-label="Table of recipients">
        <table className="table small">
          <thead><tr><th scope="col">address</th>{columns.map((column) => <th key={column} scope="col">{column}</th>)}</tr></thead>
          <tbody>
            {shown.map((row, n) => (
              <tr key={n}>
                <td className="mono">{row.to.address}</td>
                {columns.map((column) => <td key={column}>{cellOf(row, column) || <span className="faint">empty</span>}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
