"""Pairs of facts made by hand: ones of which the newer makes the older wrong, and ones that are both true.

Nothing was fitted to the second half of each list: figures are given for it apart.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """A question and what somebody learned about it."""

    question: str
    answer: str


FactPair = tuple[Fact, Fact]


def _pair(older: tuple[str, str], newer: tuple[str, str]) -> FactPair:
    return Fact(*older), Fact(*newer)


CONTRADICTING: tuple[FactPair, ...] = (
    _pair(
        ("Which port does the api gateway listen on?", "The api gateway listens on port 8080."),
        ("On which port does the api gateway listen?", "The api gateway listens on port 9443."),
    ),
    _pair(
        ("What is the request timeout of the proxy?", "The request timeout of the proxy is 30 seconds."),
        ("What is the proxy's request timeout?", "The request timeout of the proxy is 90 seconds."),
    ),
    _pair(
        ("How do we deploy the web app?", "The web app is deployed with Jenkins."),
        ("How is the web app deployed?", "The web app is deployed with Ansible."),
    ),
    _pair(
        ("Where are the nginx logs?", "The nginx logs are in /var/log/nginx."),
        ("Where can I find the nginx logs?", "The nginx logs are in /srv/logs/nginx."),
    ),
    _pair(
        ("Is the debug mode enabled on the build host?", "Debug mode is enabled on the build host."),
        ("Is debug mode enabled on the build host?", "Debug mode is disabled on the build host."),
    ),
    _pair(
        ("Which database does the billing service use?", "The billing service stores its data in MySQL."),
        ("What database does the billing service use?", "The billing service stores its data in PostgreSQL."),
    ),
    _pair(
        ("How do I restart the worker queue?", "Run `systemctl restart worker` to restart the worker queue."),
        ("How can I restart the worker queue?", "Run `supervisorctl restart worker` to restart the worker queue."),
    ),
    _pair(
        ("How many replicas does the search index have?", "The search index has 2 replicas."),
        ("How many replicas has the search index?", "The search index has 5 replicas."),
    ),
    _pair(
        ("Does the backup script encrypt its archives?", "The backup script does not encrypt its archives."),
        ("Does the backup script encrypt the archives?", "The backup script does encrypt its archives."),
    ),
    _pair(
        ("Who is on call for the payment service?", "Marta is on call for the payment service."),
        ("Who is on call for the payment service now?", "Jonas is on call for the payment service."),
    ),
    _pair(
        ("Which Python version do we build with?", "We build the packages with Python 3.10."),
        ("What Python version do we build with?", "We build the packages with Python 3.12."),
    ),
    _pair(
        ("How long are access tokens valid?", "Access tokens are valid for 24 hours."),
        ("How long is an access token valid?", "Access tokens are valid for 2 hours."),
    ),
    _pair(
        (
            "What is the default branch of the infra repository?",
            "The default branch of the infra repository is master.",
        ),
        (
            "Which branch is the default of the infra repository?",
            "The default branch of the infra repository is trunk.",
        ),
    ),
    _pair(
        ("Where is the TLS certificate of the mail server?", "The mail server's certificate is /etc/ssl/mail.pem."),
        (
            "Where does the TLS certificate of the mail server lie?",
            "The mail server's certificate is /etc/mail/tls.pem.",
        ),
    ),
    _pair(
        ("How do I turn on verbose logging of the scheduler?", "Start the scheduler with --verbose to see every job."),
        (
            "How do I switch on verbose logging of the scheduler?",
            "Start the scheduler with --log-debug to see every job.",
        ),
    ),
    _pair(
        ("At what time does the nightly backup run?", "The nightly backup runs at 02:30."),
        ("When does the nightly backup run?", "The nightly backup runs at 04:15."),
    ),
    _pair(
        ("Which message broker do we use?", "The services talk over RabbitMQ."),
        ("What message broker do we use?", "The services talk over Kafka."),
    ),
    _pair(
        ("Is two-factor login required for contractors?", "Two-factor login is optional for contractors."),
        ("Is two-factor login required of contractors?", "Two-factor login is required for contractors."),
    ),
    _pair(
        ("What is the retention of the metrics store?", "The metrics store keeps data for 15 days."),
        ("What is the metrics store's retention?", "The metrics store keeps data for 60 days."),
    ),
    _pair(
        ("Which variable sets the cache size?", "The cache size is set by CACHE_MAX_BYTES."),
        ("Which variable sets the size of the cache?", "The cache size is set by CACHE_LIMIT_MB."),
    ),
    _pair(
        ("Can the staging cluster reach the internet?", "The staging cluster can reach the internet."),
        ("Can the staging cluster reach the internet?", "The staging cluster cannot reach the internet."),
    ),
    _pair(
        ("What is the disk limit of a build container?", "A build container may use 20 GB of disk."),
        ("What is the limit of disk of a build container?", "A build container may use 50 GB of disk."),
    ),
    _pair(
        ("Which region do the file uploads go to?", "File uploads go to the Frankfurt region."),
        ("To which region do file uploads go?", "File uploads go to the Dublin region."),
    ),
    _pair(
        ("How do I roll back a release?", "1. Open the console.\n2. Run `deploy rollback` with the release name."),
        ("How can I roll back a release?", "1. Open the console.\n2. Run `helm rollback` with the release name."),
    ),
    # nothing was fitted to what follows
    _pair(
        ("What is the maximum upload size of the wiki?", "The wiki accepts uploads of up to 10 MB."),
        ("What is the maximal upload size of the wiki?", "The wiki accepts uploads of up to 25 MB."),
    ),
    _pair(
        ("Which host runs the license server?", "The license server runs on host atlas."),
        ("What host does the license server run on?", "The license server runs on host titan."),
    ),
    _pair(
        ("Which shell do the init scripts need?", "The init scripts need zsh."),
        ("What shell do the init scripts need?", "The init scripts need bash."),
    ),
    _pair(
        ("How do I flush the DNS cache on the office router?", "Run `dns-flush --all` on the office router."),
        ("How can I flush the DNS cache of the office router?", "Run `resolvectl flush-caches` on the office router."),
    ),
    _pair(
        ("Are feature branches deleted after a merge?", "Feature branches are deleted after a merge."),
        ("Are feature branches deleted after merging?", "Feature branches are never deleted after a merge."),
    ),
    _pair(
        ("How many reviewers does a change need?", "Every change needs one reviewer."),
        ("How many reviewers are needed for a change?", "Every change needs two reviewers."),
    ),
    _pair(
        ("Which compiler builds the firmware?", "The firmware is built with gcc."),
        ("What compiler is the firmware built with?", "The firmware is built with clang."),
    ),
    _pair(
        ("Where does the exporter write its state?", "The exporter writes its state to /var/lib/exporter."),
        ("Where is the exporter's state written?", "The exporter writes its state to /opt/exporter/state."),
    ),
    _pair(
        ("Do the integration tests need docker?", "The integration tests need docker."),
        ("Is docker needed by the integration tests?", "The integration tests do not need docker."),
    ),
    _pair(
        ("What is the rate limit of the public API?", "The public API allows 100 requests per minute."),
        ("What's the public API's rate limit?", "The public API allows 600 requests per minute."),
    ),
    _pair(
        ("Which user runs the cron jobs?", "The cron jobs run as user deploy."),
        ("As which user do the cron jobs run?", "The cron jobs run as user automation."),
    ),
    _pair(
        ("How often are the keys rotated?", "The signing keys are rotated every 90 days."),
        ("How often do we rotate the keys?", "The signing keys are rotated every 30 days."),
    ),
    _pair(
        ("What is the name of the release pipeline?", "The release pipeline is called ship-it."),
        ("What is the release pipeline called?", "The release pipeline is called go-live."),
    ),
    _pair(
        ("Which file holds the feature flags?", "Feature flags live in config/flags.yaml."),
        ("What file holds the feature flags?", "Feature flags live in settings/features.toml."),
    ),
    _pair(
        ("Is the read replica used for reports?", "Reports are read from the read replica."),
        ("Is the read replica used for the reports?", "Reports are not read from the read replica."),
    ),
    _pair(
        ("Which log level is the default?", "The default log level is INFO."),
        ("What is the default log level?", "The default log level is WARNING."),
    ),
    _pair(
        ("How much memory does the indexer get?", "The indexer gets 4 GB of memory."),
        ("How much memory has the indexer got?", "The indexer gets 12 GB of memory."),
    ),
    _pair(
        ("Who approves production changes?", "Production changes are approved by the release team."),
        ("Who has to approve production changes?", "Production changes are approved by the security team."),
    ),
    _pair(
        ("How do I list failed jobs?", "Use `jobs list --failed` to list the failed jobs."),
        ("How can I list failed jobs?", "Use `jobctl show --state=failed` to list the failed jobs."),
    ),
    _pair(
        ("Does the linter run before or after the tests?", "The linter runs before the tests."),
        ("Does the linter run after or before the tests?", "The linter runs after the tests."),
    ),
    _pair(
        ("What does error E42 of the importer mean?", "Error E42 means that the input file is empty."),
        ("What does the importer's error E42 mean?", "Error E42 means that the input file is locked."),
    ),
    _pair(
        ("Which protocol do the sensors speak?", "The sensors speak MQTT."),
        ("What protocol do the sensors speak?", "The sensors speak CoAP."),
    ),
    _pair(
        ("Is the old dashboard still supported?", "The old dashboard is supported."),
        ("Is the old dashboard still supported?", "The old dashboard is unsupported."),
    ),
    _pair(
        ("What is the batch size of the mail queue?", "The mail queue sends batches of 500 messages."),
        ("What's the batch size of the mail queue?", "The mail queue sends batches of 50 messages."),
    ),
)
"""The older fact first. Same subject, other value."""

BOTH_TRUE: tuple[FactPair, ...] = (
    _pair(
        ("Which port does the staging database use?", "The staging database listens on port 5432."),
        ("Which port does the production database use?", "The production database listens on port 5433."),
    ),
    _pair(
        ("How do I restart nginx?", "Run `systemctl restart nginx` on the host."),
        ("How do I restart redis?", "Run `systemctl restart redis` on the host."),
    ),
    _pair(
        ("What is the timeout of the upload route?", "The upload route has a timeout of 300 seconds."),
        ("What is the timeout of the search route?", "The search route has a timeout of 5 seconds."),
    ),
    _pair(
        ("Where are the nginx logs?", "The nginx logs are in /var/log/nginx."),
        ("Where are the postfix logs?", "The postfix logs are in /var/log/mail."),
    ),
    _pair(
        ("Who is on call for the payment service?", "Marta is on call for the payment service."),
        ("Who is on call for the login service?", "Jonas is on call for the login service."),
    ),
    _pair(
        ("Which database does the billing service use?", "The billing service stores its data in MySQL."),
        ("Which database does the shipping service use?", "The shipping service stores its data in PostgreSQL."),
    ),
    _pair(
        ("How do I enable the firewall?", "Run `ufw enable` and confirm."),
        ("How do I disable the firewall?", "Run `ufw disable` and confirm."),
    ),
    _pair(
        ("How long are access tokens valid?", "Access tokens are valid for 1 hour."),
        ("How long are refresh tokens valid?", "Refresh tokens are valid for 30 days."),
    ),
    _pair(
        ("How do I install the client on Python 3.11?", "Use `pip install client==4.2` on Python 3.11."),
        ("How do I install the client on Python 3.12?", "Use `pip install client==5.0` on Python 3.12."),
    ),
    _pair(
        ("How do I free disk space?", "Remove old images with `docker image prune`."),
        ("How can I free some disk space?", "Compress the journal with `journalctl --vacuum-size=200M`."),
    ),
    _pair(
        ("What does the flag --force do?", "--force overwrites the target file."),
        ("What does the flag --dry-run do?", "--dry-run prints what would be done."),
    ),
    _pair(
        ("When does the daily backup run?", "The daily backup runs at 02:30."),
        ("When does the weekly backup run?", "The weekly backup runs at 05:00."),
    ),
    _pair(
        ("How do I copy a file to the server?", "Use scp with the path of the file."),
        ("How do I copy a file from the server?", "Use rsync with the address of the server."),
    ),
    _pair(
        ("How many replicas does the search index have?", "The search index has 2 replicas."),
        ("How many shards does the search index have?", "The search index has 8 shards."),
    ),
    _pair(
        ("What is the memory limit of the indexer?", "The indexer may use 4 GB of memory."),
        ("What is the CPU limit of the indexer?", "The indexer may use 2 cores."),
    ),
    _pair(
        ("Which branch do hotfixes start from?", "Hotfixes start from the stable branch."),
        ("Which branch do features start from?", "Features start from the develop branch."),
    ),
    _pair(
        ("How do I debug a slow query?", "Look at the plan with EXPLAIN ANALYZE."),
        ("How do I debug a slow query?", "Turn on the slow query log and read the ten longest entries."),
    ),
    _pair(
        ("How do I restart the worker queue?", "Run `systemctl restart worker`."),
        ("How do I restart the worker queue?", "Run `systemctl restart worker`. Then wait until the queue is empty."),
    ),
    _pair(
        ("Is TLS required inside the cluster?", "TLS is optional inside the cluster."),
        ("Is TLS required outside the cluster?", "TLS is required outside the cluster."),
    ),
    _pair(
        ("Which region do the uploads go to?", "File uploads go to the Frankfurt region."),
        ("Which region do the backups go to?", "Backups go to the Dublin region."),
    ),
    _pair(
        ("What is the size of a small runner?", "A small runner has 2 cores and 4 GB of memory."),
        ("What is the size of a large runner?", "A large runner has 16 cores and 64 GB of memory."),
    ),
    _pair(
        ("Why does the importer fail with E42?", "E42 means that the input file is empty."),
        ("Why does the importer fail with E43?", "E43 means that the input file is locked."),
    ),
    _pair(
        ("How do I add a user?", "Use `useradd` with the name of the user."),
        ("How do I remove a user?", "Use `userdel` with the name of the user."),
    ),
    _pair(
        ("What does the cache store?", "The cache stores the sessions of the users who are logged in."),
        ("How big is the cache?", "The cache holds 512 MB."),
    ),
    # nothing was fitted to what follows
    _pair(
        ("What is the maximum upload size of the wiki?", "The wiki accepts uploads of up to 10 MB."),
        ("What is the maximum upload size of the forum?", "The forum accepts uploads of up to 2 MB."),
    ),
    _pair(
        ("Which host runs the license server?", "The license server runs on host atlas."),
        ("Which host runs the print server?", "The print server runs on host titan."),
    ),
    _pair(
        ("Which team owns the checkout?", "The checkout is owned by team Falcon."),
        ("Which team owns the catalogue?", "The catalogue is owned by team Osprey."),
    ),
    _pair(
        ("How do I start the tunnel on linux?", "Run `tunnel up` as root."),
        ("How do I start the tunnel on windows?", "Run `tunnel.exe start` as administrator."),
    ),
    _pair(
        ("How many reviewers does a code change need?", "A code change needs one reviewer."),
        ("How many reviewers does a schema change need?", "A schema change needs two reviewers."),
    ),
    _pair(
        ("What is the rate limit of the public API?", "The public API allows 100 requests per minute."),
        ("What is the rate limit of the internal API?", "The internal API allows 5000 requests per minute."),
    ),
    _pair(
        ("Where does the exporter write its state?", "The exporter writes its state to /var/lib/exporter."),
        ("Where does the exporter write its logs?", "The exporter writes its logs to /var/log/exporter."),
    ),
    _pair(
        ("Do the unit tests need docker?", "The unit tests do not need docker."),
        ("Do the integration tests need docker?", "The integration tests need docker."),
    ),
    _pair(
        ("How often are the signing keys rotated?", "The signing keys are rotated every 90 days."),
        ("How often are the host keys rotated?", "The host keys are rotated every 365 days."),
    ),
    _pair(
        ("How do I push an image?", "Use `docker push` with the full tag."),
        ("How do I pull an image?", "Use `docker pull` with the full tag."),
    ),
    _pair(
        ("How can I speed up the build?", "Use the shared cache of the build farm."),
        ("How can I speed up the build?", "Run the tests in parallel with `-n 4`."),
    ),
    _pair(
        ("What is the default log level of the agent?", "The default log level of the agent is INFO."),
        ("What is the default log level of the server?", "The default log level of the server is WARNING."),
    ),
    _pair(
        ("Which user runs the cron jobs?", "The cron jobs run as user deploy."),
        ("Which user runs the web server?", "The web server runs as user www-data."),
    ),
    _pair(
        ("What is the password policy for interns?", "Interns change their password every 30 days."),
        ("What is the password policy for employees?", "Employees change their password every 180 days."),
    ),
    _pair(
        ("What happens when the queue is full?", "New jobs are rejected when the queue is full."),
        ("What happens when the queue is empty?", "The workers sleep when the queue is empty."),
    ),
    _pair(
        ("Who approves production changes?", "Production changes are approved by the release team."),
        ("Who approves budget changes?", "Budget changes are approved by the finance team."),
    ),
    _pair(
        ("How do I encode a video?", "Use ffmpeg with the x264 preset."),
        ("How do I decode a video?", "Use mpv with the null output."),
    ),
    _pair(
        ("Which file holds the feature flags?", "Feature flags live in config/flags.yaml."),
        ("Which file holds the secrets?", "Secrets live in config/secrets.enc."),
    ),
    _pair(
        ("How do I list running jobs?", "Use `jobs list --running` to list the running jobs."),
        ("How do I list failed jobs?", "Use `jobs list --failed` to list the failed jobs."),
    ),
    _pair(
        ("Which protocol do the sensors speak?", "The sensors speak MQTT."),
        ("Which protocol do the cameras speak?", "The cameras speak RTSP."),
    ),
    _pair(
        ("How do I reset my password?", "Follow the link on the login page."),
        ("How do I reset my password?", "Ask the help desk for a new password when the link does not work."),
    ),
    _pair(
        ("Is the beta dashboard supported?", "The beta dashboard is unsupported."),
        ("Is the main dashboard supported?", "The main dashboard is supported."),
    ),
    _pair(
        ("What is the batch size of the mail queue?", "The mail queue sends batches of 500 messages."),
        ("What is the batch size of the push queue?", "The push queue sends batches of 50 messages."),
    ),
    _pair(
        ("When are invoices sent?", "Invoices are sent on the first of a month."),
        ("When are reminders sent?", "Reminders are sent on the tenth of a month."),
    ),
)
"""Other subject, or something to add."""
