"""Draws docs/dashboard.png: two real hubs, people and backends that use them, a real Prometheus that looks on, and every
panel of dashboard.json with what Prometheus answers to its query.

    draw.py HUB PICTURE [SECONDS]     HUB is the program; scripts/dashboard-picture starts this beside PostgreSQL and Redis

What happens: people come and open sockets, some mistype, roles change, sessions are ended, and half way one hub is
replaced.
"""

import asyncio
import datetime
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import aiohttp
import matplotlib

matplotlib.use("agg")
import matplotlib.dates
import matplotlib.pyplot as plt

HERE = pathlib.Path(__file__).resolve().parent.parent
PASSWORD = "a long walk by the river"
PEOPLE = 40
SOCKETS_EACH = 5
# Long enough for a rate, short enough for a run of two minutes.
WINDOW = "10s"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Hub:
    """One node, with a port of its own that it comes back to."""

    def __init__(self, program, folder):
        self.program, self.port, self.metrics = program, free_port(), free_port()
        self.log = open(folder / f"hub-{self.port}.log", "wb")
        self.environment = {
            "PORTCULLIS_PUBLIC_URL": "http://127.0.0.1:9",
            "PORTCULLIS_DATA_DIR": str(folder / "data"),
            "PORTCULLIS_HTTP__LISTEN": f"127.0.0.1:{self.port}",
            "PORTCULLIS_METRICS__LISTEN": f"127.0.0.1:{self.metrics}",
            "PORTCULLIS_SECRETS__MASTER": "a master secret for a picture, long enough",
            "PORTCULLIS_HTTP__TRUSTED_PROXIES": "127.0.0.0/8",
            "PORTCULLIS_HUB__DRAIN": "8",
            "PORTCULLIS_PASSWORDS__MEMORY_KIB": "4096",
            "PORTCULLIS_REDIS__PREFIX": "picture",
            "DATABASE_URL": os.environ["PORTCULLIS_TEST_POSTGRES"],
            "REDIS_URL": os.environ["PORTCULLIS_TEST_REDIS"],
        }
        self.process, self.is_leaving = None, False

    def ask(self, *arguments, said=""):
        done = subprocess.run([self.program, *arguments], env=self.environment, input=said, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()

    def start(self):
        self.process = subprocess.Popen([self.program, "serve"], env=self.environment, stdout=subprocess.PIPE, stderr=self.log)
        assert self.process.stdout.readline().startswith(b"listening on")

    async def replace(self):
        # As nginx does, which takes nobody to a hub that drains.
        self.is_leaving = True
        self.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.process.wait)
        await asyncio.to_thread(self.start)
        self.is_leaving = False


class Site:
    """Everybody who uses the hubs."""

    def __init__(self, hubs, key, client):
        self.hubs, self.key, self.client = hubs, key, client
        self.sessions, self.people = [], []

    def url(self, path):
        return f"http://127.0.0.1:{random.choice([hub for hub in self.hubs if not hub.is_leaving]).port}{path}"

    async def call(self, method, path, body=None, bearer=None):
        # Everybody has an address of their own.
        head = {"X-Forwarded-For": f"10.0.0.{random.randrange(250)}"}
        if bearer:
            head["Authorization"] = f"Bearer {bearer}"
        try:
            async with self.client.request(method, self.url(path), json=body, headers=head) as answer:
                return await answer.json(content_type=None) if answer.status < 300 else {}
        except (aiohttp.ClientError, OSError):
            return {}

    async def person(self, number):
        """Signs in, keeps sockets open, and signs in again when signed out."""
        await asyncio.sleep(number * 0.5)
        email = f"person-{number}@example.org"
        while True:
            pair = await self.call("POST", "/api/auth", {"email": email, "password": PASSWORD})
            if pair:
                self.people.append(pair["user"]["id"])
                self.sessions.append(pair["session_id"])
                await asyncio.gather(*(self.socket(pair["access_token"]) for _ in range(SOCKETS_EACH)))
            await asyncio.sleep(random.uniform(0.5, 3))

    async def socket(self, access):
        while True:
            ticket = await self.call("GET", "/api/auth/socket", bearer=access)
            if not ticket:
                return
            try:
                protocols = [ticket["protocol"], f"portcullis.token.{ticket['token']}"]
                async with self.client.ws_connect(self.url("/ws"), protocols=protocols) as wire:
                    async for message in wire:
                        frame = json.loads(message.data)
                        if frame["type"] == "ping":
                            await wire.send_json({"type": "pong", "version": frame["version"]})
                    if 4000 <= (wire.close_code or 0) < 4100:
                        return
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(random.uniform(0.1, 1))

    async def every(self, seconds, act):
        while True:
            await asyncio.sleep(random.expovariate(1 / seconds))
            await act()

    async def end_a_session(self):
        if len(self.sessions) > 20:
            session = self.sessions.pop(random.randrange(len(self.sessions)))
            await self.call("POST", "/api/revocations", {"session_id": session, "reason": "picture"}, self.key)

    async def change_a_role(self):
        if self.people:
            role = {"role": random.choice(["user", "moderator"])}
            await self.call("PUT", f"/api/users/{random.choice(self.people)}/site_role", role, self.key)

    async def mistype(self):
        email = f"person-{random.randrange(PEOPLE)}@example.org"
        await self.call("POST", "/api/auth", {"email": email, "password": "not the password at all"})

    async def register(self):
        email = f"new-{random.randrange(10**9)}@example.org"
        await self.call("POST", "/api/users", {"email": email, "password": PASSWORD})


async def live(hubs, key, seconds):
    # As many connections as there are sockets.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(sock_read=60)) as client:
        site = Site(hubs, key, client)
        acts = [(0.4, site.end_a_session), (0.7, site.change_a_role), (1, site.mistype), (2, site.register)]
        tasks = [asyncio.create_task(site.person(number)) for number in range(PEOPLE)]
        tasks += [asyncio.create_task(site.every(mean, act)) for mean, act in acts]
        await asyncio.sleep(seconds / 2)
        await hubs[0].replace()
        await asyncio.sleep(seconds / 2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def prometheus(hubs, folder):
    """One that looks every second; gives its process and its port."""
    targets = [f"127.0.0.1:{hub.metrics}" for hub in hubs]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(HERE / "alerts.yml")],
        "scrape_configs": [{"job_name": "portcullis", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}"]
    return subprocess.Popen(["prometheus", *options, "--log.level=error"]), port


def query(port, expr, begin, end):
    expr = expr.replace("$__rate_interval", WINDOW).replace("[10m]", "[1m]").replace("$node", ".*")
    asked = urllib.parse.urlencode({"query": expr, "start": begin, "end": end, "step": 1})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query_range?{asked}") as answer:
        return json.load(answer)["data"]["result"]


def named(legend, labels):
    for name, value in labels.items():
        legend = legend.replace("{{" + name + "}}", value)
    return legend


def moment(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc)


def shown(value, unit):
    if unit == "s":
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.1f} s"
    return f"{value:.0f}"


def draw(port, hubs, begin, end, picture):
    panels = json.loads((HERE / "dashboard.json").read_text())["panels"]
    names = {f"127.0.0.1:{hub.metrics}": f"hub-{number}" for number, hub in enumerate(hubs, 1)}
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    plt.style.use("dark_background")
    plt.rcParams.update({"font.size": 6.5, "axes.edgecolor": "#555", "axes.linewidth": 0.5})
    figure = plt.figure(figsize=(13, rows * 0.27), dpi=100, facecolor="#111217")
    for panel in panels:
        place, defaults = panel["gridPos"], panel["fieldConfig"]["defaults"]
        box = [place["x"] / 24 + 0.028, 1 - (place["y"] + place["h"] - 1.35) / rows, place["w"] / 24 - 0.04, (place["h"] - 2.7) / rows]
        axes = figure.add_axes(box, facecolor="#181b1f")
        axes.set_title(panel["title"], loc="left", fontsize=7.5)
        steps = defaults.get("thresholds", {}).get("steps", [])
        if panel["type"] == "stat":
            found = query(port, panel["targets"][0]["expr"], end, end)
            value = float(found[0]["values"][-1][1]) if found else 0.0
            colour = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
            axes.text(0.5, 0.45, shown(value, defaults["unit"]), ha="center", va="center", fontsize=17, color={"green": "#73bf69", "yellow": "#fade2a", "red": "#f2495c"}[colour])
            axes.set_xticks([]), axes.set_yticks([])
            continue
        lines = []
        for target in panel["targets"]:
            for series in query(port, target["expr"], begin, end):
                labels = {name: names.get(value, value) for name, value in series["metric"].items()}
                lines.append((named(target["legendFormat"], labels), {int(at): float(value) for at, value in series["values"]}))
        times = list(range(int(begin), int(end)))
        custom = defaults["custom"]
        # What never happened needs no colour.
        lines = [(name, points) for name, points in lines if len(lines) < 5 or any(points.values())]
        if custom.get("stacking") and lines:
            values = [[points.get(at, 0.0) for at in times] for _, points in lines]
            axes.stackplot([moment(at) for at in times], values, labels=[name for name, _ in lines], alpha=0.7)
        else:
            for name, points in lines:
                axes.plot([moment(at) for at in sorted(points)], [points[at] for at in sorted(points)], linewidth=0.9, label=name)
        if custom.get("scaleDistribution"):
            axes.set_yscale("log")
        for step in steps:
            if step["value"] is not None and custom.get("thresholdsStyle"):
                axes.axhline(step["value"], color=step["color"], linewidth=0.7, linestyle="--")
        axes.grid(alpha=0.15, linewidth=0.4)
        axes.set_xlim(moment(begin), moment(end))
        axes.set_ylim(bottom=None if custom.get("scaleDistribution") else 0)
        axes.xaxis.set_major_locator(matplotlib.dates.AutoDateLocator(maxticks=6))
        axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M:%S"))
        if lines:
            axes.legend(fontsize=5.5, ncols=3, frameon=False, loc="upper left")
    figure.savefig(picture, facecolor=figure.get_facecolor(), pil_kwargs={"optimize": True})


def main(program, picture, seconds="90"):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        hubs = [Hub(program, folder), Hub(program, folder)]
        hubs[0].ask("migrate")
        for number in range(PEOPLE):
            hubs[0].ask("user", "create", "--email", f"person-{number}@example.org", "--active", "--password-stdin", said=PASSWORD)
        key = hubs[0].ask("key", "create", "--name", "backend", "--scopes", "sessions:revoke,roles:write,users:write,users:read,sessions:read,hub:read")[-1]
        for hub in hubs:
            hub.start()
        watching, port = prometheus(hubs, folder)
        try:
            begin = time.time()
            asyncio.run(live(hubs, key, float(seconds)))
            draw(port, hubs, begin, time.time() - 1, picture)
        finally:
            for process in [watching, *(hub.process for hub in hubs)]:
                process.kill()
                process.wait()


main(*sys.argv[1:])
