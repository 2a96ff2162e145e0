import { useLoras, type Lora } from "@/shared/api";
import { bytes } from "@/shared/lib/format";
import { Badge, Panel } from "@/shared/ui";
import styles from "./Checkpoints.module.css";

/** LoRAs that lie in the data directory, and what their files say of themselves. */
export function LoraList() {
  const { data: loras } = useLoras();
  if (!loras) return null;
  return (
    <Panel title="LoRAs" flush>
      {loras.length === 0 ? (
        <div className={styles.row}>
          <p className={styles.title}>
            None yet. Put safetensors files into the folder <code>loras</code> of the data
            directory: pairs for the two experts are found by their names and contents.
          </p>
        </div>
      ) : (
        <ul className={styles.list}>
          {loras.map((lora) => (
            <Row key={lora.name} lora={lora} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Row({ lora }: { lora: Lora }) {
  const size = lora.files.reduce((sum, file) => sum + file.size_bytes, 0);
  return (
    <li className={styles.row}>
      <div className={styles.what}>
        <p className={styles.name}>
          <strong>{lora.name}</strong>
          <Badge tone={lora.available ? "good" : "bad"}>
            {lora.available ? (lora.family ?? "usable") : "unusable"}
          </Badge>
        </p>
        {lora.problem && <p className={styles.bad}>{lora.problem}</p>}
        {lora.files.map((file) => (
          <p key={file.file} className={styles.source}>
            {file.file}: {file.experts.map((expert) => expert.replace("_", " ")).join(" and ")},
            rank {file.ranks.join(", ")}, {file.tensors} tensors understood
            {file.unknown > 0 && `, ${file.unknown} left out`}
          </p>
        ))}
      </div>
      <span className={styles.size}>{size > 0 ? bytes(size) : ""}</span>
    </li>
  );
}
