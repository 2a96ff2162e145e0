import type { Output } from "@/shared/api";
import { Dialog } from "@/shared/ui";
import { differences } from "./differences";
import { Player } from "./Player";
import styles from "./Compare.module.css";

/** Two videos on the same frame, and in what their requests differ. */
export function Compare({
  left,
  right,
  onClose,
}: {
  left: Output;
  right: Output;
  onClose: () => void;
}) {
  const differing = differences(left.request, right.request);
  return (
    <Dialog title="Compare" wide onClose={onClose}>
      <div className={styles.compare}>
        <Player videos={[left, right]} />
        {differing.length === 0 ? (
          <p className={styles.same}>Both were asked for with the same settings.</p>
        ) : (
          <table className={styles.table}>
            <caption className="visually-hidden">In what they differ</caption>
            <thead>
              <tr>
                <th scope="col">Differs in</th>
                <th scope="col">Left</th>
                <th scope="col">Right</th>
              </tr>
            </thead>
            <tbody>
              {differing.map(({ name, left: one, right: other }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{one}</td>
                  <td>{other}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </Dialog>
  );
}
