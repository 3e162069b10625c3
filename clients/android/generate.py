"""Make the Gradle project of the Android app: the web app in a web view, with its models, the camera and the gallery.

    npm ci                        once, in this folder (Node 20 or newer)
    python generate.py [OUT]      writes OUT/www and OUT/android; OUT is this folder unless named

Needs no Android SDK and no network. To build the app, open OUT/android in Android Studio, or run
`./gradlew assembleDebug` there with an SDK at hand.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pocketmatte.apps.site import write_site

HERE = Path(__file__).parent
PACKAGE = "org.pocketmatte.app"
OLDEST = 29  # Android 10: from here on an app may add to the gallery without a permission
# No permission for sound: recordings have none. A phone without a camera can still cut out photos.
PERMISSIONS = """\
    <uses-permission android:name="android.permission.CAMERA" />
    <uses-feature android:name="android.hardware.camera" android:required="false" />
    <uses-feature android:name="android.hardware.camera.autofocus" android:required="false" />
"""
# In the app every file is at hand already: nothing to keep a second time.
NO_CACHE = 'self.addEventListener("install", () => self.skipWaiting());\n'


def edit(path: Path, changes: dict[str, str]) -> None:
    """Replace in a file; each pattern must fit exactly one place, so that a new Capacitor or page is no surprise."""
    text = path.read_text()
    for pattern, by in changes.items():
        text, count = re.subn(pattern, by.replace("\\", r"\\"), text)
        if count != 1:
            raise SystemExit(
                f"{path}: expected one place like {pattern}, found {count}; did Capacitor or the page change?"
            )
    path.write_text(text)


def write_www(folder: Path) -> None:
    """The static site, fit for an Android package: no .gz file, for packaging unpacks and renames those; no build with
    threads, for a web view has no shared memory."""
    write_site(folder)
    for threaded in folder.glob("litert/*threaded*"):
        threaded.unlink()
    for packed in folder.rglob("*.wasm.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    loaders = [path for path in folder.glob("*.js") if ".wasm.gz" in path.read_text()]
    if not loaders:
        raise SystemExit("no script of the page loads a .wasm.gz; did the page change?")
    for loader in loaders:
        loader.write_text(loader.read_text().replace(".wasm.gz", ".wasm"))
    (folder / "sw.js").write_text(NO_CACHE)
    shutil.copyfile(HERE / "native" / "save.js", folder / "save.js")
    title = "<title>pocketmatte</title>"
    edit(folder / "index.html", {title: f'{title}\n  <script src="./save.js"></script>'})


def patch(android: Path) -> None:
    """Permissions, oldest Android, no backup of the app's data, and our two classes."""
    main = android / "app" / "src" / "main"
    edit(
        main / "AndroidManifest.xml",
        {
            "\n</manifest>": f"\n{PERMISSIONS}</manifest>",
            'android:allowBackup="true"': 'android:allowBackup="false"',
            # All files come from the package itself, over the web view's own https://localhost.
            ' *<uses-permission android:name="android.permission.INTERNET" />\n': "",
        },
    )
    edit(android / "variables.gradle", {r"minSdkVersion = \d+": f"minSdkVersion = {OLDEST}"})
    for source in sorted((HERE / "native").glob("*.java")):
        shutil.copyfile(source, main / "java" / Path(*PACKAGE.split(".")) / source.name)


def main(out: Path) -> None:
    """Everything from scratch into ``out``; what an earlier run made there is replaced."""
    command = HERE / "node_modules" / ".bin" / "cap"
    if not command.exists():
        raise SystemExit(f"Capacitor is not installed: run `npm ci` in {HERE}")
    out.mkdir(parents=True, exist_ok=True)
    for made in (out / "www", out / "android"):
        shutil.rmtree(made, ignore_errors=True)
    if out.resolve() != HERE.resolve():
        for name in ("package.json", "capacitor.config.json"):
            shutil.copyfile(HERE / name, out / name)
        modules = out / "node_modules"
        if not modules.exists():
            modules.symlink_to((HERE / "node_modules").resolve(), target_is_directory=True)
    write_www(out / "www")
    subprocess.run([str(command.resolve()), "add", "android"], cwd=out, check=True)
    patch(out / "android")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
