import type { ReactNode } from "react";
import { Input, Label, TextField } from "react-aria-components";

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly type?: "email" | "password" | "text";
  readonly autoComplete?: string;
  readonly inputMode?: "numeric";
  readonly isRequired?: boolean;
  readonly autoFocus?: boolean;
}

/** A line of text with its label. */
export const Field = ({ label, ...more }: FieldProps): ReactNode => (
  <TextField className="field" {...more}>
    <Label>{label}</Label>
    <Input />
  </TextField>
);
