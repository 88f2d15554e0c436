#!/bin/sh
# One broker that is its own controller: its storage is prepared at the first start, then it serves.
set -eu
properties=/etc/tam-kafka/compose.properties
if [ ! -e /var/lib/kafka/data/log/meta.properties ]; then
    # Any id will do, if it is a new one for each cluster.
    id=$(/opt/kafka/bin/kafka-storage.sh random-uuid)
    /opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id="$id" -c "$properties"
fi
exec /opt/kafka/bin/kafka-server-start.sh "$properties"
