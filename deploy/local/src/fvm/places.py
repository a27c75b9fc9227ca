"""Where things are: the checkout, its virtual environment, and the folders of one region's data."""

import os
from dataclasses import dataclass
from pathlib import Path


def checkout() -> Path:
    """The root of the checkout this package is installed from (or FVM_HOME, where it is installed otherwise)."""
    return Path(os.environ.get("FVM_HOME") or Path(__file__).parents[4])


def kafka_folder() -> Path:
    """The folder that holds Kafka's pom.xml and the region's topics."""
    return checkout() / "deploy" / "kafka"


def kafka_jars() -> Path:
    """The folder of Kafka's jars; shared by all regions of a checkout, filled by Maven."""
    return kafka_folder() / "target" / "lib"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and files of one region below its data folder."""

    data: Path

    @property
    def memory(self) -> Path:
        return self.data / "region.json"

    @property
    def lock(self) -> Path:
        return self.data / "run" / "lock"

    @property
    def run(self) -> Path:
        return self.data / "run"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def kafka(self) -> Path:
        return self.data / "kafka"

    @property
    def envoy(self) -> Path:
        return self.data / "envoy"

    @property
    def secrets(self) -> Path:
        """What services of one region show each other (made by the application platform)."""
        return self.data / "secrets"

    @property
    def master_key(self) -> Path:
        """What wraps the keys of persons, where the runner made it."""
        return self.data / "keys" / "master.key"

    def all(self) -> tuple[Path, ...]:
        """Everything a region ever writes: what `fvm reset` removes, and nothing else."""
        return (
            self.postgres,
            self.kafka,
            self.envoy,
            self.secrets,
            self.master_key.parent,
            self.logs,
            self.run,
            self.memory,
        )
