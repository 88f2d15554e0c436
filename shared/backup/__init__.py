"""Back-up and restore: what a firm needs on an empty machine to go on where it was.

    errors.py     every refusal, with its code and exit code
    programs.py   pg_dump, pg_restore, psql: which ones fit which server
    digests.py    a digest of each table, the same on every server
    snapshot.py   one moment of all schemas, while the platform works
    manifest.py   what a back-up says of itself; written last, so that a partial one has none
    dumping.py    from the database to files
    loading.py    from files to an empty database, in one transaction
    log.py        where Kafka must stand for a restored database to go on

A back-up holds one file of pg_dump per schema, all of one snapshot: tables, inboxes, outboxes and how far each consumer
has read stand at one moment. The PostgreSQL log is tables too, so log and tables are one. Kafka keeps its log itself:
there consumers go on from the positions of the moment, and read again what came since.
"""
