export { BlobImage, BlobVideo } from "./BlobMedia";
export { Badge, Empty, Facts, Meter, Notice, Segments, Skeleton, Slider, Switch } from "./Bits";
export { Button, IconButton } from "./Button";
export { Dialog } from "./Dialog";
export { Field, NumberInput, Select, TextArea, TextInput } from "./Field";
export { HintProvider } from "./Hint";
export { Menu } from "./Menu";
export { Panel, ScreenHead } from "./Panel";
export { tell, tellProblem, Toasts } from "./Toasts";
