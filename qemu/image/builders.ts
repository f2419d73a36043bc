/** Folders with all that builds boards, and with the files that go into them. A change there makes the cache build anew. */
export const BOARD_BUILDERS: readonly string[] = ["image", "qemu/image", "qemu/boards", "qemu/guest"];
