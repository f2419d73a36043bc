import type { ReactNode } from "react";
import { Button as AriaButton } from "react-aria-components";

interface ButtonProps {
  readonly kind?: "primary" | "stop" | "final" | "plain";
  readonly type?: "submit";
  readonly onPress?: () => void;
  readonly isDisabled?: boolean;
  readonly autoFocus?: boolean;
  readonly label?: string;
  readonly children: ReactNode;
}

export const Button = ({ kind, label, children, ...more }: ButtonProps): ReactNode => (
  <AriaButton className="button" data-kind={kind} {...more} {...(label !== undefined && { "aria-label": label })}>
    {children}
  </AriaButton>
);
