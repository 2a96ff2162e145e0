import { Activity, Film, ListVideo, Sparkles } from "lucide-react";
import { useEffect, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { keyWanted } from "@/shared/api";
import { useQueue } from "@/shared/jobs";
import { classes } from "@/shared/lib/format";
import { useStore } from "@/shared/lib/store";
import { Connection } from "./Connection";
import icon from "./icon.svg";
import { KeyWanted } from "./KeyWanted";
import { Preferences } from "./Preferences";
import styles from "./Shell.module.css";

const SCREENS = [
  { path: "/", name: "Generate", icon: Sparkles },
  { path: "/queue", name: "Queue", icon: ListVideo },
  { path: "/outputs", name: "Outputs", icon: Film },
  { path: "/system", name: "System", icon: Activity },
] as const;

/** What is around every screen: the way to the others, and whether the server is there. */
export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const wantsKey = useStore(keyWanted);
  const current = SCREENS.find(({ path }) =>
    path === "/" ? location === "/" : location.startsWith(path),
  );
  const name = current?.name ?? (location === "/schema" ? "API" : null);
  useEffect(() => {
    document.title = name ? `${name} · Wan Studio` : "Wan Studio";
  }, [name]);
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#screen">
        Skip to content
      </a>
      <nav className={styles.rail} aria-label="Screens">
        <div className={styles.brand}>
          <img src={icon} alt="" width="28" height="28" />
          <span>Wan Studio</span>
        </div>
        <ul className={styles.screens}>
          {SCREENS.map((screen) => (
            <li key={screen.path}>
              <Link
                href={screen.path}
                className={classes(styles.link, screen === current && styles.current)}
                aria-current={screen === current ? "page" : undefined}
              >
                <screen.icon aria-hidden="true" />
                <span>{screen.name}</span>
                {screen.path === "/queue" && wantsKey === null && <QueueCount />}
              </Link>
            </li>
          ))}
        </ul>
        <Preferences className={styles.preferences} />
      </nav>
      <main id="screen" className={styles.main} tabIndex={-1}>
        {wantsKey === null ? (
          <>
            <Connection />
            {children}
          </>
        ) : (
          <KeyWanted title={name ?? "Wan Studio"} why={wantsKey} />
        )}
      </main>
    </div>
  );
}

function QueueCount() {
  const { data: queue } = useQueue();
  const count = queue ? queue.running.length + queue.waiting.length : 0;
  if (count === 0) return null;
  return (
    <span className={styles.count}>
      {count > 99 ? "99+" : count}
      <span className="visually-hidden"> running or waiting</span>
    </span>
  );
}
