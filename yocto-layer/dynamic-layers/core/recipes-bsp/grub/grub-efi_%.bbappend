# What the script of the slots needs besides GRUB's usual modules.
GRUB_BUILDIN:append:mender-grub = " echo gcry_sha256 hashsum regexp reboot sleep true"
