// The journal's thread on a disk that fails: its second commit ends in an I/O error. Run by sqlite.test.ts.
import { DatabaseSync } from 'node:sqlite';

const { prototype } = DatabaseSync;
const runSql: (this: DatabaseSync, sql: string) => void = Reflect.get(prototype, 'exec');
let commits = 0;

prototype.exec = function exec(sql) {
  if (sql === 'COMMIT') commits += 1;
  // SQLITE_IOERR_FSYNC
  if (sql === 'COMMIT' && commits === 2)
    throw Object.assign(new Error('disk I/O error'), { errcode: 1034 });
  runSql.call(this, sql);
};

await import('#runtime/journal/sqlite/worker.ts');
