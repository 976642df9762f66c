"""What runs in production is what the Procfile says, on one machine as in containers; nobody runs as root."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from bookingsite.devserver import paths

ROOT = paths.BASE_DIR
PROCFILE = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line and not line.startswith("#")
)
SYSTEMD = ROOT / "deploy" / "systemd"
# Those that go on running, and not what a timer starts.
SERVICES = sorted(path for path in SYSTEMD.glob("*.service") if not path.with_suffix(".timer").exists())
TIMERS = sorted(SYSTEMD.glob("*.timer"))
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OURS = [name for name, service in COMPOSE.items() if service["image"] == "expertbook"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def lines_of(path, name: str) -> list[str]:
    return [line.partition("=")[2] for line in path.read_text().splitlines() if line.startswith(f"{name}=")]


def plain(command: str) -> str:
    """A command without what differs: where programs lie, who listens where, defaults of variables, the shell."""
    command = re.sub(r'^sh -c "(?:exec )?(.*)"$', r"\1", command).replace("$$", "$")
    command = re.sub(r"\$\{(\w+)(?::-\d+)?\}", r"$\1", command.replace("/opt/expertbook/.venv/bin/", ""))
    return re.sub(r"(--bind|--host) \S+?(?=:|\s|$)(:\S+)?|--port \S+", "", command)


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_units_run_what_the_procfile_says_as_nobody_special(path):
    name = path.stem.removeprefix("expertbook-")
    assert plain(lines_of(path, "ExecStart")[0]) == plain(PROCFILE[name])
    assert lines_of(path, "User") == ["expertbook"]
    assert lines_of(path, "Restart") == ["on-failure" if name == "release" else "always"]
    assert lines_of(path, "EnvironmentFile") == ["/etc/expertbook.env"]


def test_every_line_of_the_procfile_is_a_unit_that_the_target_starts():
    assert {path.stem.removeprefix("expertbook-") for path in SERVICES} == PROCFILE.keys()
    [wanted] = lines_of(SYSTEMD / "expertbook.target", "Wants")
    names = {path.name for path in SERVICES} - {"expertbook-release.service"} | {path.name for path in TIMERS}
    assert set(wanted.split()) == names


def test_each_night_there_is_a_backup_by_nobody_special():
    [timer] = TIMERS
    service = timer.with_suffix(".service")
    [command] = lines_of(service, "ExecStart")
    assert plain(command) == "python manage.py backup --keep 14"
    assert lines_of(service, "User") == ["expertbook"]
    assert lines_of(service, "EnvironmentFile") == ["/etc/expertbook.env"]
    assert lines_of(timer, "Persistent") == ["true"]


@pytest.mark.parametrize("name", ["web", "live"])
def test_who_asks_meanwhile_waits_at_the_address_that_the_process_has(name):
    [address] = lines_of(SYSTEMD / f"expertbook-{name}.socket", "ListenStream")
    [command] = lines_of(SYSTEMD / f"expertbook-{name}.service", "ExecStart")
    host, port = address.split(":")
    assert f"--bind {address} " in command or f"--host {host} --port {port}" in command
    assert f"expertbook-{name}.socket" in lines_of(SYSTEMD / f"expertbook-{name}.service", "Requires")[0].split()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_understands_the_units(tmp_path):
    for path in SYSTEMD.iterdir():
        text = path.read_text().replace("/opt/expertbook/.venv/bin/", "/bin/")
        text = re.sub(r"^(ExecStart(?:Pre)?=)\S+", r"\1/bin/true", text, flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text)
    units = sorted(str(path) for path in tmp_path.iterdir())
    said = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False).stderr
    assert not [line for line in said.splitlines() if "expertbook" in line], said


@pytest.mark.parametrize("name", PROCFILE)
def test_containers_run_what_the_procfile_says(name):
    assert plain(COMPOSE[name]["command"]) == plain(PROCFILE[name])


@pytest.mark.parametrize("name", OURS)
def test_containers_can_write_nothing_and_do_nothing_special(name):
    service = COMPOSE[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_is_made_in_two_steps_and_runs_as_nobody_special():
    _head, build, image = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    assert build.split()[0] == image.split()[0], "what was installed for one Python runs with it"
    assert re.fullmatch(r"\S+:[\w.-]*\d[\w.-]*", image.split()[0]), "a version, not what is latest"
    assert "--require-hashes -r /tmp/requirements.lock" in build
    assert image.index("USER 10001:10001") < image.index("CMD [")
    assert "HEALTHCHECK" in image
    [command] = re.findall(r'^CMD \["sh", "-c", "exec (.*)"\]$', DOCKERFILE, re.MULTILINE)
    assert plain(command) == plain(PROCFILE["web"])


def test_the_documents_say_so_in_ten_commands():
    text = (ROOT / "docs" / "operations.md").read_text()
    [commands] = re.findall(r"As root:\n\n```sh\n(.*?)```", text, re.DOTALL)
    assert len(commands.splitlines()) <= 10


def test_the_configuration_is_complete_and_new_each_time():
    made = [
        subprocess.run([ROOT / "deploy" / "configure", "book.example.org"], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    first, second = (dict(re.findall(r"^(\w+)=(.*)$", it.stdout, re.MULTILINE)) for it in made)
    assert first["SECRET_KEY"] != second["SECRET_KEY"]
    assert len(first["SECRET_KEY"]) >= 50
    assert first["ALLOWED_HOSTS"] == "book.example.org"
    known = set(re.findall(r"^#?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert first.keys() - known == {"WEB_THREADS"}


def a_program(folder, name: str, text: str) -> dict[str, str]:
    """Surroundings in which a program of that name is found first."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize("processors", [1, 2, 6, 7, 16, 64, 200])
def test_all_processes_together_keep_fewer_connections_than_postgresql_has(tmp_path, processors):
    around = a_program(tmp_path, "getconf", f"echo {processors}")
    made = subprocess.run(
        [ROOT / "deploy" / "configure", "book.example.org"], capture_output=True, text=True, check=True, env=around
    )
    settings = dict(re.findall(r"^(\w+)=(.*)$", made.stdout, re.MULTILINE))
    assert settings["WEB_CONCURRENCY"] == str(processors)
    pool = int(settings["DATABASE_POOL"])
    assert 1 <= pool <= 10
    assert (processors + 3) * pool <= 90 or pool == 1


@pytest.mark.parametrize(("answers", "status", "asked"), [("2 1 0", 0, 3), ("3", 0, 1), ("2 2 2 2", 1, 4)])
def test_a_release_waits_for_a_postgresql_that_starts_and_not_for_ever(tmp_path, answers, status, asked):
    """``pg_isready`` says 0 for yes, 1 for "it is starting", 2 for "nobody answers", 3 for nonsense."""
    [wait] = lines_of(SYSTEMD / "expertbook-release.service", "ExecStartPre")
    assert wait.split()[0] == "/opt/expertbook/deploy/wait-for-postgres"
    (tmp_path / "answers").write_text("\n".join(answers.split()) + "\n")
    around = a_program(
        tmp_path,
        "pg_isready",
        f'echo "$*" >> {tmp_path}/asked; code=$(head -n 1 {tmp_path}/answers)\n'
        f"sed -i 1d {tmp_path}/answers; exit $code",
    )
    around |= {"DATABASE_URL": "postgresql:///expertbook", "WAIT_SECONDS": "0"}
    done = subprocess.run([ROOT / "deploy" / "wait-for-postgres", "3"], env=around, capture_output=True, check=False)
    assert done.returncode == status
    lines = (tmp_path / "asked").read_text().splitlines()
    assert len(lines) == asked
    assert all("--dbname=postgresql:///expertbook" in line for line in lines)


def test_containers_are_told_how_many_processes_and_connections():
    for name in ("WEB_CONCURRENCY", "WEB_THREADS", "DATABASE_POOL"):
        assert COMPOSE["web"]["environment"][name].startswith(f"${{{name}:-")


def test_the_image_has_the_programs_of_the_postgresql_that_runs_beside_it():
    [version] = re.findall(r"^postgres:(\d+)", COMPOSE["db"]["image"])
    assert f"postgresql-client-{version} " in DOCKERFILE
