import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";

interface DialogProps {
  readonly title: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  /** Nothing but its own buttons closes it. */
  readonly isStrict?: boolean;
  readonly children: ReactNode;
}

/** A dialog over the page. The focus returns to where it came from. */
export const Dialog = ({ title, isOpen, onClose, isStrict = false, children }: DialogProps): ReactNode => (
  <ModalOverlay
    className="overlay"
    isOpen={isOpen}
    onOpenChange={(open) => {
      if (!open) onClose();
    }}
    isDismissable={!isStrict}
    isKeyboardDismissDisabled={isStrict}
  >
    <Modal>
      <AriaDialog className="dialog">
        <div className="dialog-body">
          <Heading slot="title" level={2}>
            {title}
          </Heading>
          {children}
        </div>
      </AriaDialog>
    </Modal>
  </ModalOverlay>
);
