//! `cargo xtask package`: the Debian package, and what its tests need.

use crate::{
    provide::{provide, provide_cargo},
    run,
};

/// A newer one may lay the package out otherwise.
const CARGO_DEB: &str = "3.8.0";

/// Makes `target/debian/intercessor_VERSION_ARCHITECTURE.deb`.
pub fn package() -> Result<(), String> {
    provide_cargo("deb", CARGO_DEB)?;
    run("cargo deb --locked")
}

/// Has everything that the tests of the packages run.
pub fn provide_for_tests() -> Result<(), String> {
    provide_cargo("deb", CARGO_DEB)?;
    for (program, package, reason) in [
        ("systemd-analyze", "systemd", "it checks the service"),
        (
            "deb-systemd-helper",
            "init-system-helpers",
            "the Debian package is installed with it",
        ),
        (
            "fakeroot",
            "fakeroot",
            "the Debian package is installed into a folder",
        ),
        ("lintian", "lintian", "it checks the Debian package"),
        ("strip", "binutils", "the Debian package is made with it"),
    ] {
        provide(program, package, reason)?;
    }
    Ok(())
}
