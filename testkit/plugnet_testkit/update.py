"""Update files for tests of an update: the image under test as another version. plugnet's tool/image.py does the work."""
# SPDX-License-Identifier: MIT
import os
import subprocess
import sys
import tempfile

TOOL = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tool", "image.py")


class UpdateError(Exception):
    """No file can be made; the text says why."""


def update_file(image=None, version=None, key=None):
    """The bytes of an update file, as PUT /api/update takes them.

    `image` is an .elf or .update (default: PLUGNET_UPDATE, else PLUGNET_IMAGE of the environment); `version`, such as "1.1.0", says of the
    same code that it is another one; `key` is the private key that signs it (default: PLUGNET_SIGN_KEY, if the environment has one).
    """
    image = image or os.environ.get("PLUGNET_UPDATE") or os.environ.get("PLUGNET_IMAGE")
    if not image:
        raise UpdateError("no image: name one, or run the test by plugnet_add_test, which sets PLUGNET_UPDATE")
    if not os.path.isfile(TOOL):
        raise UpdateError(f"there is no {TOOL}: take the test kit of a checkout, or of an installed plugnet")
    key = key or os.environ.get("PLUGNET_SIGN_KEY")
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, "made.update")
        words = [*(["sign", "--key", os.fspath(key)] if key else ["pack"]), *(["--version", version] if version else [])]
        done = subprocess.run([sys.executable, TOOL, *words, os.fspath(image), "-o", made], capture_output=True, text=True, check=False)
        if done.returncode:
            raise UpdateError(done.stderr.strip())
        with open(made, "rb") as file:
            return file.read()
