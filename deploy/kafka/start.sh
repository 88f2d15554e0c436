#!/bin/sh
# One broker that is its own controller: its storage is prepared at the first start, then it serves.
set -eu
properties=/etc/tam-kafka/compose.properties
if [ ! -e /var/lib/kafka/data/log/meta.properties ]; then
    # Any sixteen bytes will do, if they are new for each cluster; to ask Java for them takes seconds.
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
    /opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id="$id" -c "$properties"
fi
exec /opt/kafka/bin/kafka-server-start.sh "$properties"
