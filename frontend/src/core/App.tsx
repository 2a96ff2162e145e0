import { QueryClientProvider } from "@tanstack/react-query";
import { keysLeft } from "@/shared/api";
import { useStore } from "@/shared/lib/store";
import { HintProvider, Toasts } from "@/shared/ui";
import { DropAnywhere } from "./DropAnywhere";
import { queryClient } from "./queryClient";
import { Screens } from "./Screens";
import { Shell } from "./Shell";

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <HintProvider delayDuration={400}>
        <Shell key={useStore(keysLeft)}>
          <Screens />
        </Shell>
        <DropAnywhere />
        <Toasts />
      </HintProvider>
    </QueryClientProvider>
  );
}
