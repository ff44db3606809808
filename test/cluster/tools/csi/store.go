package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// entry is what is known of one volume or snapshot; its data lies in a folder beside the record.
type entry struct {
	ID       string    `json:"id"`
	Capacity int64     `json:"capacity"`
	Source   string    `json:"source,omitempty"`
	Created  time.Time `json:"created"`
}

// store keeps volumes and snapshots as folders: <state>/{volumes,snapshots}/<id>/{entry.json,data/}.
type store struct {
	dir string
	// One operation at a time: a copy must not race with the deletion of its source.
	mutex sync.Mutex
}

// faults is the content of <state>/faults.json; a missing file means none.
type faults struct {
	SnapshotNeverReady bool `json:"snapshotNeverReady"`
	FailSnapshot       bool `json:"failSnapshot"`
	FailRestore        bool `json:"failRestore"`
	FailPublish        bool `json:"failPublish"`
	StorageFull        bool `json:"storageFull"`
}

const (
	volumes   = "volumes"
	snapshots = "snapshots"
)

var errSourceMissing = errors.New("source does not exist")

func openStore(dir string) (*store, error) {
	for _, kind := range []string{volumes, snapshots} {
		if err := os.MkdirAll(filepath.Join(dir, kind), 0o755); err != nil {
			return nil, err
		}
	}
	return &store{dir: dir}, nil
}

func (s *store) faults() (faults, error) {
	var found faults
	content, err := os.ReadFile(filepath.Join(s.dir, "faults.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(content, &found)
}

func (s *store) folder(kind, id string) string { return filepath.Join(s.dir, kind, id) }

func (s *store) data(kind, id string) string { return filepath.Join(s.folder(kind, id), "data") }

func validID(id string) bool { return id != "" && !strings.ContainsAny(id, "/\\") && id[0] != '.' }

// find returns nil when there is no such entry.
func (s *store) find(kind, id string) (*entry, error) {
	content, err := os.ReadFile(filepath.Join(s.folder(kind, id), "entry.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := &entry{}
	return found, json.Unmarshal(content, found)
}

// create makes an entry with a copy of source's data (none: empty), or returns the one that is there.
// It appears under its name only when the copy is whole.
func (s *store) create(kind string, want entry, sourceKind string) (*entry, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if found, err := s.find(kind, want.ID); err != nil || found != nil {
		return found, err
	}
	partial := s.folder(kind, "."+want.ID)
	if err := os.RemoveAll(partial); err != nil {
		return nil, err
	}
	data := filepath.Join(partial, "data")
	if err := os.MkdirAll(data, 0o777); err != nil {
		return nil, err
	}
	// Past the umask: any user of a pod may write to its volume.
	if err := os.Chmod(data, 0o777); err != nil {
		return nil, err
	}
	if want.Source != "" {
		if found, err := s.find(sourceKind, want.Source); err != nil || found == nil {
			return nil, errors.Join(err, errSourceMissing)
		}
		if err := copyTree(s.data(sourceKind, want.Source), data); err != nil {
			return nil, err
		}
	}
	want.Created = time.Now()
	content, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(partial, "entry.json"), content, 0o644); err != nil {
		return nil, err
	}
	return &want, os.Rename(partial, s.folder(kind, want.ID))
}

// remove is idempotent.
func (s *store) remove(kind, id string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return os.RemoveAll(s.folder(kind, id))
}

// copyTree copies contents with owners, modes, times and links.
func copyTree(from, to string) error {
	output, err := exec.Command("cp", "--archive", "--reflink=auto", from+"/.", to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy: %w: %s", err, output)
	}
	return nil
}
