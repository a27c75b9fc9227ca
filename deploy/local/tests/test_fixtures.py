"""The root conftest's servers are real: PostgreSQL answers, Kafka takes topics."""

import secrets

from fvm import databases
from kit import kafka


async def test_the_sessions_postgresql_is_an_administrators_and_new_enough(postgres_url: str) -> None:
    connection = await databases.connect(postgres_url)
    try:
        assert connection.get_server_version().major >= databases.OLDEST
        assert await connection.fetchval("select rolcreatedb from pg_roles where rolname = current_user")
    finally:
        await connection.close()


async def test_the_sessions_kafka_takes_a_topic(kafka_bootstrap: str) -> None:
    name = f"t{secrets.token_hex(5)}.vis.record.v1"

    await kafka.ensure_topics(kafka_bootstrap, [kafka.Topic(name, 2)])
    try:
        producer = kafka.Producer(kafka_bootstrap)
        await producer.start()
        await producer.stop()
    finally:
        await kafka.delete_topics(kafka_bootstrap, [name])
