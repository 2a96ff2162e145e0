import { lazy, Suspense } from "react";
import { Redirect, Route, Switch } from "wouter";
import { GenerateScreen } from "@/features/generation";
import { Skeleton } from "@/shared/ui";

// The first view is small; the other screens come when they are opened.
const QueueScreen = lazy(async () => ({ default: (await import("@/features/queue")).QueueScreen }));
const OutputsScreen = lazy(async () => ({
  default: (await import("@/features/outputs")).OutputsScreen,
}));
const SystemScreen = lazy(async () => ({
  default: (await import("@/features/system")).SystemScreen,
}));
const SchemaScreen = lazy(async () => ({
  default: (await import("@/features/schema")).SchemaScreen,
}));

export function Screens() {
  return (
    <Suspense fallback={<Skeleton height="24rem" />}>
      <Switch>
        <Route path="/" component={GenerateScreen} />
        <Route path="/queue" component={QueueScreen} />
        <Route path="/outputs/:id?">{({ id }) => <OutputsScreen id={id ?? null} />}</Route>
        <Route path="/system" component={SystemScreen} />
        <Route path="/schema" component={SchemaScreen} />
        <Route>
          <Redirect to="/" replace />
        </Route>
      </Switch>
    </Suspense>
  );
}
