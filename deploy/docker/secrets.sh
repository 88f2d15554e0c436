#!/bin/sh
# Makes the secrets that are missing, each in a file of its own; those that are there stay. The folder is for its owner
# alone; the files in it can be read by the containers that they are mounted into, whoever those run as.
# They belong into your back-up: installation_key, surveys_link_keys and loyalty_code_peppers cannot be made again.
set -eu
folder=${1:-deploy/secrets}
mkdir -p "$folder"
chmod 700 "$folder"

secret() { # file
    [ -e "$folder/$1" ] || head -c 32 /dev/urandom | base64 >"$folder/$1"
}

for name in installation_key surveys_link_keys loyalty_code_peppers metrics_token grafana_admin db_superuser db_owner; do
    secret "$name"
done
for service in profiles touchpoints surveys loyalty metrics; do
    secret "db_$service"
done
# Not ours to make: a key of the platform with the scope profiles:read, for mail. Empty: no mail is sent.
[ -e "$folder/surveys_profiles_key" ] || : >"$folder/surveys_profiles_key"
find "$folder" -maxdepth 1 -type f -exec chmod 644 {} +
# Where the gateway keeps the certificates that it gets, whoever it runs as; the folder above lets nobody else in.
mkdir -p "$folder/certificates"
chmod 777 "$folder/certificates"
