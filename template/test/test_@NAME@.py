"""@NAME@ on the virtual board: the image as it would be flashed. Run by ctest, which sets PLUGNET_IMAGE and PLUGNET_BOARD."""
import json
import os
import tempfile
import unittest

from plugnet_testkit import Board, update_file


def board(**options):
    return Board(os.environ["PLUGNET_IMAGE"], board=os.environ["PLUGNET_BOARD"], forwards=[80], **options)


class Page(unittest.TestCase):
    def test_page_and_state(self):
        with board() as b:
            b.wait_state("leased")
            self.assertIn("<title>@NAME@</title>", b.http.get("/").text)
            self.assertEqual(b.http.get("/api/state").json()["button"], False)
            b.button(True)
            self.assertEqual(b.http.get("/api/state").json()["button"], True)


class Settings(unittest.TestCase):
    def test_survive_a_power_cut(self):
        with tempfile.TemporaryDirectory() as folder, board(flash=os.path.join(folder, "flash")) as b:
            b.wait_state("leased")
            answer = b.http.put("/api/settings", json.dumps({"name": "other", "led": True}))
            self.assertEqual((answer.status, answer.json()), (200, {"name": "other", "led": True}))
            self.assertTrue(b.leds[0])
            b.power_cut()
            b.wait_state("leased")
            self.assertEqual(b.http.get("/api/settings").json(), {"name": "other", "led": True})
            self.assertTrue(b.leds[0])

    def test_mistakes_change_nothing(self):
        with board() as b:
            b.wait_state("leased")
            before = b.http.get("/api/settings").json()
            for wrong, member in (({"name": "two words"}, "name"), ({"led": 7}, "led")):
                answer = b.http.put("/api/settings", json.dumps(wrong))
                self.assertEqual((answer.status, answer.json()["member"]), (400, member))
            self.assertEqual(b.http.get("/api/settings").json(), before)


class Update(unittest.TestCase):
    """The same code as a version that is newer than any."""

    def test_settings_outlive_it(self):
        with tempfile.TemporaryDirectory() as folder, board(flash=os.path.join(folder, "flash")) as b:
            b.wait_state("leased")
            self.assertEqual(b.http.put("/api/settings", json.dumps({"name": "other"})).status, 200)
            answer = b.http.put("/api/update", update_file(version="65535.0.0"), s=30)
            self.assertEqual((answer.status, answer.json()["staged"]["version"]), (200, "65535.0.0"), answer.text)
            self.assertEqual(b.http.post("/api/update").status, 202)
            b.wait_state("unplugged")
            b.wait_state("leased", s=60)
            self.assertEqual(b.http.get("/api/settings").json()["name"], "other")
            now = b.http.get("/api/update").json()
            self.assertEqual((now["product"], now["version"], now["last"]), ("@NAME@", "65535.0.0", {"result": "confirmed", "reason": ""}))


if __name__ == "__main__":
    unittest.main()
