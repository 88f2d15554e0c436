"""Which migrations make which schemas."""

from collections.abc import Sequence
from pathlib import Path

from shared.db.migrate import Tree
from shared.runtime.service import Service

PLATFORM_SCHEMA = "platform"
BUS_SCHEMA = "bus"
_SHARED = Path(__file__).resolve().parent.parent


def trees_of(manifests: Sequence[Service]) -> list[Tree]:
    """The platform's own schemas, then for each service what every service carries and what it brings itself."""
    trees = [
        Tree(_SHARED / "http" / "migrations", PLATFORM_SCHEMA, "alembic_http"),
        Tree(_SHARED / "rights" / "platform", PLATFORM_SCHEMA, "alembic_rights"),
        Tree(_SHARED / "bus" / "migrations", BUS_SCHEMA, "alembic_bus"),
    ]
    for manifest in manifests:
        trees.append(Tree(_SHARED / "delivery" / "migrations", manifest.name, "alembic_delivery"))
        if manifest.follows_identity:
            trees.append(Tree(_SHARED / "identity" / "migrations", manifest.name, "alembic_identity"))
        if manifest.rights is not None:
            trees.append(Tree(_SHARED / "rights" / "migrations", manifest.name, "alembic_rights"))
        trees.append(Tree(manifest.migrations, manifest.name, "alembic_version"))
    return trees
