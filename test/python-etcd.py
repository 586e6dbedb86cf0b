"""Uses Debian's python3-etcd widely and prints what it gives, one line a step: the same on every server of the API."""

import itertools
import json
import sys
import threading

import etcd
from etcd.auth import Auth, EtcdRole, EtcdUser

PORT = int(sys.argv[1])


def connect(**options):
    return etcd.Client(host="127.0.0.1", port=PORT, **options)


def shown(value):
    """Without what time or the server's place decides."""
    if isinstance(value, etcd.EtcdResult):
        return {
            "action": value.action,
            "key": value.key,
            "value": value.value,
            "dir": value.dir,
            "newKey": value.newKey,
            "created": value.createdIndex,
            "modified": value.modifiedIndex,
            "ttl": None if value.ttl is None else value.ttl > 0,
            "prev": shown(value._prev_node) if hasattr(value, "_prev_node") else None,
            "etcd_index": getattr(value, "etcd_index", None),
            "children": sorted((c.key, c.value) for c in value.children) if value.dir else None,
        }
    return value


def step(name, run):
    try:
        result = shown(run())
    except etcd.EtcdException as error:
        result = [type(error).__name__, str(error), getattr(error, "payload", None)]
    print(name, json.dumps(result, sort_keys=True, default=str), flush=True)


def event(result):
    """An event without the store's index when it was told, which time decides."""
    return {**shown(result), "etcd_index": None}


def later(run):
    """Runs it when the caller has had time to wait."""
    thread = threading.Timer(0.3, run)
    thread.start()
    return thread


def reading_and_writing(client):
    step("write", lambda: client.write("/p/a", "1"))
    step("overwrite", lambda: client.write("/p/a", "2 ü&=<>"))
    step("read", lambda: client.read("/p/a"))
    step("get", lambda: client.get("/p/a"))
    step("set", lambda: client.set("/p/b", "3"))
    step("contains", lambda: ["/p/a" in client, "/p/none" in client])
    step("read missing", lambda: client.read("/p/none"))
    step("read quorum", lambda: client.read("/p/a", quorum=True))
    step("test and set", lambda: client.test_and_set("/p/a", "4", "2 ü&=<>"))
    step("test and set fails", lambda: client.test_and_set("/p/a", "5", "x"))
    step("create only", lambda: client.write("/p/c", "1", prevExist=False))
    step("create only fails", lambda: client.write("/p/c", "1", prevExist=False))
    step("update only fails", lambda: client.write("/p/none", "1", prevExist=True))
    step("by index fails", lambda: client.write("/p/c", "1", prevIndex=1))

    def update():
        result = client.read("/p/c")
        result.value = "updated"
        return client.update(result)

    step("update", update)
    for value in ("x", "y"):
        step("append", lambda: client.write("/p/queue", value, append=True))
    step("directory", lambda: client.write("/p/d", None, dir=True))
    step("directory again", lambda: client.write("/p/d", None, dir=True))
    step("not a file", lambda: client.write("/p/d", "1"))
    step("not a directory", lambda: client.write("/p/a/x", "1"))
    step("recursive", lambda: client.read("/p", recursive=True, sorted=True))
    step("leaves", lambda: [leaf.key for leaf in client.read("/p", recursive=True, sorted=True).leaves])
    step("subtree", lambda: sorted(node.key for node in client.read("/p", recursive=True).get_subtree()))
    step("ttl", lambda: client.write("/p/t", "1", ttl=500))
    step("refresh", lambda: client.refresh("/p/t", ttl=600))
    step("refresh missing", lambda: client.refresh("/p/none", ttl=600))
    step("pop", lambda: client.pop("/p/t"))
    step("delete not empty", lambda: client.delete("/p/queue", dir=True))
    step("delete directory as key", lambda: client.delete("/p/queue"))
    step("delete by value fails", lambda: client.delete("/p/a", prevValue="x"))
    step("delete by value", lambda: client.delete("/p/a", prevValue="4"))
    step("delete recursive", lambda: client.delete("/p/queue", recursive=True))
    step("delete missing", lambda: client.delete("/p/queue", recursive=True))
    step("root", lambda: client.write("/", "1"))


def watching(client):
    first = client.write("/w/a", "1")
    writer = later(lambda: connect().write("/w/a", "2"))
    step("watch", lambda: event(client.watch("/w/a", index=first.modifiedIndex + 1)))
    writer.join()
    step("watch the past", lambda: client.watch("/w", index=first.modifiedIndex, recursive=True))
    step("watch the past once more", lambda: client.watch("/w", index=first.modifiedIndex + 1, recursive=True))

    def write_some():
        other = connect()
        for at in range(3):
            other.write("/w/b/%d" % at, at)
        other.delete("/w/b", recursive=True)

    writer = later(write_some)
    events = client.eternal_watch("/w", index=first.modifiedIndex, recursive=True)
    for each in itertools.islice(events, 6):
        step("eternal watch", lambda: event(each))
    writer.join()
    step("watch times out", lambda: client.watch("/w/none", timeout=1))
    expiring = client.write("/w/e", "1", ttl=1)
    step("expiring", lambda: expiring)
    step("watch expiry", lambda: event(client.watch("/w/e", index=expiring.modifiedIndex + 1, timeout=60)))


def cluster(client):
    step("machines", lambda: len(client.machines))
    step("members", lambda: [sorted(member) for member in client.members.values()])
    step("leader", lambda: sorted(client.leader))
    step("leader is a member", lambda: client.leader["id"] in client.members)
    step("stats", lambda: [client.stats["name"], client.stats["state"]])
    step("leader stats", lambda: sorted(client.leader_stats))
    step("store stats", lambda: sorted(client.store_stats))
    writes = {k: v for k, v in client.store_stats.items() if not k.startswith(("gets", "watchers", "expire"))}
    step("writes", lambda: writes)


def locking(client):
    def run():
        lock = etcd.Lock(client, "lock")
        other = etcd.Lock(connect(), "lock")
        seen = [lock.acquire(blocking=True, lock_ttl=60), lock.is_acquired]
        seen.append(other.acquire(blocking=False, lock_ttl=60))
        releasing = later(lock.release)
        seen.append(other.acquire(blocking=True, lock_ttl=60, timeout=20))
        releasing.join()
        other.release()
        return seen

    step("lock", run)

    def held():
        with etcd.Lock(client, "held") as lock:
            return lock.is_acquired

    step("lock as a context", held)


def authentication(client):
    def make_user(name, password, roles):
        user = EtcdUser(client, name)
        user.password = password
        user.roles = roles
        user.write()
        return sorted(user.roles)

    def make_role(grants):
        role = EtcdRole(client, "reader")
        for path, permission in grants:
            role.grant(path, permission)
        role.write()
        role.read()
        return role.acls

    step("no users", lambda: EtcdUser(client, "none").names)
    step("no role", lambda: EtcdRole(client, "none").read())
    step("root", lambda: make_user("root", "secret", ["root"]))
    step("role", lambda: make_role([("/p/*", "R"), ("/p/w", "RW")]))
    step("user", lambda: make_user("me", "mine", ["reader"]))
    step("users", lambda: EtcdUser(client, "me").names)
    step("roles", lambda: EtcdRole(client, "reader").names)

    def switch(to, by):
        auth = Auth(by)
        auth.active = to
        return Auth(by).active

    admin = connect(username="root", password="secret")
    step("switch on", lambda: switch(True, admin))

    def close_to_guests():
        guest = EtcdRole(admin, "guest")
        guest.read()
        guest.revoke("/*", "RW")
        guest.write()

    step("close", close_to_guests)
    me = connect(username="me", password="mine")
    step("my read", lambda: me.read("/p/b"))
    step("my write", lambda: me.write("/p/b", "1"))
    step("my other write", lambda: me.write("/p/w", "1"))
    step("wrong password", lambda: connect(username="me", password="x").read("/p/b"))
    step("guest", lambda: client.read("/p/b"))
    step("root reads", lambda: admin.read("/p/b"))
    step("switch off", lambda: switch(False, admin))
    step("after", lambda: client.read("/p/b"))


def main():
    client = connect(allow_reconnect=False)
    reading_and_writing(client)
    watching(client)
    cluster(client)
    locking(client)
    authentication(client)
    print("done", flush=True)


main()
