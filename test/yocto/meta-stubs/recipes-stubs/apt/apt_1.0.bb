SUMMARY = "The configuration with which OE-Core runs apt, for the host's apt and dpkg"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
do_install() {
    # OE-Core's apt leaves packages unpacked: BitBake runs their scripts itself.
    install -d ${D}${bindir} ${D}${sysconfdir}/apt
    cat > ${D}${bindir}/dpkg-unpack << 'END'
#!/bin/sh
for word in "$@"; do
  [ "$word" != --configure ] || exit 0
done
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec dpkg "$@"
END
    chmod 0755 ${D}${bindir}/dpkg-unpack
    cat > ${D}${sysconfdir}/apt/apt.conf.sample << END
Dir "${STAGING_DIR_NATIVE}/"
{
   State "var/lib/apt/"
   {
      Lists "#APTCONF#/lists/";
      status "#ROOTFS#/var/lib/dpkg/status";
   };
   Cache "#APTCONF#/"
   {
      Archives "lists/";
      pkgcache "";
      srcpkgcache "";
   };
   Bin "${STAGING_BINDIR_NATIVE}/"
   {
      methods "/usr/lib/apt/methods/";
      gzip "/bin/gzip";
      dpkg "${STAGING_BINDIR_NATIVE}/dpkg-unpack";
   };
   Etc "#APTCONF#"
   {
      Preferences "preferences";
   };
   Log "#APTCONF#";
};

APT
{
  Install-Recommends "true";
  Immediate-Configure "false";
  Architecture "i586";
  Sandbox::User "";
  Get
  {
     Assume-Yes "true";
  };
};

Acquire
{
  AllowInsecureRepositories "true";
};

DPkg::Options {"--root=#ROOTFS#";"--admindir=#ROOTFS#/var/lib/dpkg";"--force-all";"--no-force-overwrite";"--no-debsig"};
DPkg::Path "";
END
}
BBCLASSEXTEND = "native"
