// Drives Telegraf's output plugin warp10, not all of Telegraf: writes metrics with a good token, then
// with a bad one. What came of it goes to the standard output.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/models"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/telegraf/plugins/outputs/warp10"
)

// The plugin, as Telegraf's configuration would make it.
func plugin(token string) *warp10.Warp10 {
	plugin := outputs.Outputs["warp10"]().(*warp10.Warp10)
	plugin.Prefix = "telegraf."
	plugin.WarpURL = os.Getenv("WEFT_URL")
	plugin.Token = config.NewSecret([]byte(token))
	plugin.PrintErrorBody = true
	plugin.MaxStringErrorSize = 511
	plugin.Log = models.NewLogger("outputs", "warp10", "")
	return plugin
}

func write(token string, metrics []telegraf.Metric) error {
	plugin := plugin(token)
	if err := plugin.Connect(); err != nil {
		return err
	}
	defer plugin.Close()
	return plugin.Write(metrics)
}

func main() {
	tags := map[string]string{"host": "a b", "cpu": "cpu0"}
	fields := map[string]interface{}{
		"idle": 97.5, "count": int64(3), "up": true, "said": "it's fine", "most": uint64(1) << 63,
	}
	at := time.Unix(1700000000, 123456000)
	metrics := []telegraf.Metric{metric.New("cpu", tags, fields, at)}
	if err := write(os.Getenv("WEFT_WRITE"), metrics); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("written")
	fmt.Println("refused:", write("not.a.token", metrics))
	fmt.Println("refused:", write("", metrics))
}
