"""The fleet: every treadmill of a gym or a chain on one page. It listens to the devices' MQTT; it cannot command them.

Nothing here can arm, start, release a stop or change a limit: it publishes nothing to a device. It starts on one small
computer (mosquitto and SQLite) and grows to a broker cluster and PostgreSQL by two addresses in its settings.

    settings   fleet.toml: broker, store, page
    topics     one message of a device: a value, or why it is refused
    schema     the tables
    keep       what is written, and when it goes again
    store      what the pages ask for
    watch      what is noticed over many messages: two devices with one name
    ingest     broker -> batch -> one transaction -> acknowledge
    access     who may see which site, and do what
    pages/     floor, device, incidents, versions
    reports    the report of an incident, fetched from its treadmill when a person asks
    words      what no template holds, in the language of the settings
    enroll/    a certificate for each treadmill, for a code that works once; the broker's access lists
    process    joins them
"""
